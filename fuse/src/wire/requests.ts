import type { Buffer } from 'node:buffer';
import type { Caller, Changes, NodeAt, NodeId, OpenFile, OpenId } from '../file-system.ts';
import { getattrHasHandle, setattrBit, syncsDataOnly, writeIsFromCache } from './protocol.ts';
import type { WireReader } from './wire-reader.ts';

/** `fuse_in_header`. */
export interface RequestHeader {
  readonly length: number;
  readonly opcode: number;
  /** The reply carries it, and so does an INTERRUPT of the request. */
  readonly unique: bigint;
  readonly node: NodeId;
  readonly caller: Caller;
}

export function readHeader(reader: WireReader): RequestHeader {
  const length = reader.u32();
  const opcode = reader.u32();
  const unique = reader.big();
  // A number of ours, so one that is too large is none: -1 is nobody's.
  const node = reader.big();
  const header = {
    length,
    opcode,
    unique,
    node: node <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(node) : -1,
    caller: { uid: reader.u32(), gid: reader.u32(), pid: reader.u32() },
  };
  reader.skip(4);
  return header;
}

/** `fuse_init_in`; what older kernels leave out is 0. */
export function readInit(reader: WireReader) {
  const [major, minor] = [reader.u32(), reader.u32()];
  const maxReadahead = reader.left >= 4 ? reader.u32() : 0;
  const flags = reader.left >= 4 ? reader.u32() : 0;
  const flags2 = reader.left >= 4 ? reader.u32() : 0;
  return { major, minor, maxReadahead, flags, flags2 };
}

export function readForgets(reader: WireReader): { readonly node: NodeId; readonly references: number }[] {
  const count = reader.u32();
  reader.skip(4);
  // More than fit are not believed: the list ends with the request.
  return Array.from({ length: Math.min(count, Math.floor(reader.left / 16)) }, () => ({
    node: reader.u64(),
    references: reader.u64(),
  }));
}

export function readGetattr(reader: WireReader): { readonly id?: OpenId } {
  const flags = reader.u32();
  reader.skip(4);
  return flags & getattrHasHandle ? { id: reader.u64() } : {};
}

export function readSetattr(reader: WireReader): { readonly id?: OpenId; readonly changes: Changes } {
  const valid = reader.u32();
  reader.skip(4);
  const id = numberIf(valid & setattrBit.handle, reader);
  const sizeBytes = numberIf(valid & setattrBit.size, reader);
  reader.skip(8);
  const seconds = [reader.i64(), reader.i64()];
  reader.skip(8);
  const nanos = [reader.u32(), reader.u32()];
  reader.skip(4);
  const mode = reader.u32();
  reader.skip(4);
  const [uid, gid] = [reader.u32(), reader.u32()];
  const accessedNs = timeOf(valid, { set: setattrBit.accessed, now: setattrBit.accessedNow }, [seconds[0], nanos[0]]);
  const modifiedNs = timeOf(valid, { set: setattrBit.modified, now: setattrBit.modifiedNow }, [seconds[1], nanos[1]]);
  const changes: Changes = {
    ...(valid & setattrBit.mode ? { mode: mode & 0o7777 } : {}),
    ...(valid & setattrBit.uid ? { uid } : {}),
    ...(valid & setattrBit.gid ? { gid } : {}),
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
    ...(accessedNs === undefined ? {} : { accessedNs }),
    ...(modifiedNs === undefined ? {} : { modifiedNs }),
  };
  return { ...(id === undefined ? {} : { id }), changes };
}

/** A field without its bit holds anything. */
function numberIf(isSet: number, reader: WireReader): number | undefined {
  if (isSet) return reader.u64();
  reader.skip(8);
  return undefined;
}

function timeOf(
  valid: number,
  bits: { readonly set: number; readonly now: number },
  [seconds = 0n, nanos = 0]: readonly [bigint | undefined, number | undefined],
): bigint | 'now' | undefined {
  if (valid & bits.now) return 'now';
  return valid & bits.set ? seconds * 1_000_000_000n + BigInt(nanos) : undefined;
}

export function readMknod(parent: NodeId, reader: WireReader) {
  const [mode, device] = [reader.u32(), reader.u32()];
  reader.skip(8);
  return { parent, name: reader.text(), mode, device };
}

export function readMkdir(parent: NodeId, reader: WireReader) {
  const mode = reader.u32() & 0o7777;
  reader.skip(4);
  return { parent, name: reader.text(), mode };
}

/** The new name comes first, then what it leads to. */
export function readSymlink(parent: NodeId, reader: WireReader) {
  return { parent, name: reader.text(), target: reader.text() };
}

export function readLink(parent: NodeId, reader: WireReader) {
  return { node: reader.u64(), parent, name: reader.text() };
}

/** RENAME has no flags, RENAME2 has. */
export function readRename(parent: NodeId, reader: WireReader, hasFlags: boolean) {
  const newParent = reader.u64();
  const flags = hasFlags ? reader.u32() : 0;
  if (hasFlags) reader.skip(4);
  const from: NodeAt = { parent, name: reader.text() };
  const to: NodeAt = { parent: newParent, name: reader.text() };
  return { from, to, flags };
}

export function readOpen(reader: WireReader): number {
  const flags = reader.u32();
  reader.skip(4);
  return flags;
}

export function readCreate(parent: NodeId, reader: WireReader) {
  const [flags, mode] = [reader.u32(), reader.u32() & 0o7777];
  reader.skip(8);
  return { parent, name: reader.text(), flags, mode };
}

/** READ, READDIR and READDIRPLUS. */
export function readRead(node: NodeId, reader: WireReader) {
  const what = { node, id: reader.u64(), offset: reader.u64(), size: reader.u32() };
  reader.skip(20);
  return what;
}

export function readWrite(node: NodeId, reader: WireReader) {
  const [id, offset, size, writeFlags] = [reader.u64(), reader.u64(), reader.u32(), reader.u32()];
  reader.skip(8);
  const flags = reader.u32();
  reader.skip(4);
  const data: Buffer = reader.bytes(size);
  return { node, id, offset, data, flags, isFromCache: (writeFlags & writeIsFromCache) !== 0 };
}

/** FLUSH, RELEASE and RELEASEDIR, of which only the handle counts here. */
export function readOpenFile(node: NodeId, reader: WireReader): OpenFile {
  const file = { node, id: reader.u64() };
  reader.skip(16);
  return file;
}

export function readSync(node: NodeId, reader: WireReader) {
  const file = { node, id: reader.u64() };
  const why: 'data' | 'all' = reader.u32() & syncsDataOnly ? 'data' : 'all';
  return { file, why };
}

export function readAllocate(node: NodeId, reader: WireReader) {
  return { node, id: reader.u64(), offset: reader.u64(), length: reader.u64(), mode: reader.u32() };
}

export function readSeek(node: NodeId, reader: WireReader) {
  return { node, id: reader.u64(), offset: reader.u64(), whence: reader.u32() };
}

export function readCopy(node: NodeId, reader: WireReader) {
  const from = { node, id: reader.u64(), offset: reader.u64() };
  const to = { node: reader.u64(), id: reader.u64(), offset: reader.u64() };
  return { from, to, length: reader.u64(), flags: reader.u64() };
}
