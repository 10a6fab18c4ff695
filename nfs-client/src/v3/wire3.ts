import { encodeName } from '../names/file-name.ts';
import { badReply } from '../nfs-error.ts';
import { fileTypeOf, type NfsAttributes, type NfsChanges } from '../protocol/nfs-attributes.ts';
import { type NfsHandle, nfsHandle } from '../protocol/nfs-handle.ts';
import type { NameAt } from '../protocol/nfs-protocol.ts';
import type { XdrReader } from '../xdr/xdr-reader.ts';
import type { XdrWriter } from '../xdr/xdr-writer.ts';

/** NFS3_FHSIZE, NFS3_COOKIEVERFSIZE and their like (RFC 1813 §2.4). */
const maxHandleBytes = 64;
export const verifierBytes = 8;

const nanosPerSecond = 1_000_000_000n;
const dontChange = 0;
const toServerTime = 1;
const toClientTime = 2;

export function readHandle(reader: XdrReader): NfsHandle {
  const handle = nfsHandle(reader.opaque(maxHandleBytes));
  if (handle.length === 0) throw badReply('an empty handle');
  return handle;
}

export function writeAt(writer: XdrWriter, { dir, name }: NameAt): void {
  writer.opaque(dir).opaque(encodeName(name));
}

/** `fattr3`. */
export function readAttributes(reader: XdrReader): NfsAttributes {
  const typeNumber = reader.u32();
  const type = fileTypeOf(typeNumber);
  if (!type) throw badReply(`file type ${typeNumber}`);
  return {
    type,
    mode: reader.u32() & 0o7777,
    links: reader.u32(),
    uid: reader.u32(),
    gid: reader.u32(),
    sizeBytes: reader.clamped(),
    usedBytes: reader.clamped(),
    device: { major: reader.u32(), minor: reader.u32() },
    fsId: reader.u64().toString(16),
    fileId: reader.u64(),
    accessedNs: readTime(reader),
    modifiedNs: readTime(reader),
    changedNs: readTime(reader),
  };
}

/** `post_op_attr`. */
export function readPostAttributes(reader: XdrReader): NfsAttributes | undefined {
  return reader.optional(() => readAttributes(reader));
}

/** `wcc_data`: what was before is of no use to a client without a cache. */
export function readWcc(reader: XdrReader): NfsAttributes | undefined {
  reader.optional(() => reader.fixed(24));
  return readPostAttributes(reader);
}

/** `sattr3`. */
export function writeChanges(writer: XdrWriter, changes: NfsChanges): void {
  for (const value of [changes.mode, changes.uid, changes.gid]) writer.optional(value, (set) => writer.u32(set));
  writer.optional(changes.sizeBytes, (size) => writer.u64(size));
  writeTime(writer, changes.accessedNs);
  writeTime(writer, changes.modifiedNs);
}

function readTime(reader: XdrReader): bigint {
  return BigInt(reader.u32()) * nanosPerSecond + BigInt(reader.u32());
}

function writeTime(writer: XdrWriter, time: bigint | 'now' | undefined): void {
  if (time === undefined) writer.u32(dontChange);
  else if (time === 'now') writer.u32(toServerTime);
  else
    writer
      .u32(toClientTime)
      .u32(Number((time / nanosPerSecond) & 0xffff_ffffn))
      .u32(Number(time % nanosPerSecond));
}
