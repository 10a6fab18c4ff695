import { type FileStat, makeDevice, type NodeId } from '@berth/fuse';
import type { NfsAttributes, NfsFileType, NfsHandle, NfsProtocol } from '@berth/nfs-client';
import { UnstableWrites } from './unstable-writes.ts';

/** A name under which a removed file lives on while it is open. */
export interface SillyName {
  readonly dir: NfsHandle;
  readonly name: string;
  readonly nfs: NfsProtocol;
}

/** A file of the share that the kernel knows. */
export interface ShareNode {
  readonly id: NodeId;
  readonly handle: NfsHandle;
  readonly key: string;
  readonly type: NfsFileType;
  readonly fileId: bigint;
  /** Lookups of the kernel that it has not taken back. */
  references: number;
  opens: number;
  /** When this side last changed it, on the share's own count. */
  lastChange: number;
  seen: NfsAttributes;
  /** For how long attributes are believed now, and since when. */
  validMs: number;
  validSinceMs: number;
  readonly silly: SillyName[];
  /** A write that a program was told to be done was refused: what the kernel has cached is not what the server has. */
  isDistrusted: boolean;
  knownFailures: number;
  readonly unstable: UnstableWrites;
}

const typeBits: Readonly<Record<NfsFileType, number>> = {
  fifo: 0o010000,
  character: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
};

export function typeBitsOf(type: NfsFileType): number {
  return typeBits[type];
}

export function nodeTypeOf(mode: number): NfsFileType | undefined {
  return (Object.keys(typeBits) as NfsFileType[]).find((type) => typeBits[type] === (mode & 0o170000));
}

export function statOf(attributes: NfsAttributes, blockBytes: number): FileStat {
  const { type, mode, links, uid, gid, sizeBytes, usedBytes, device, fileId } = attributes;
  const { accessedNs, modifiedNs, changedNs } = attributes;
  return {
    inode: fileId,
    mode: mode | typeBits[type],
    ...{ links, uid, gid, sizeBytes, usedBytes, blockBytes, accessedNs, modifiedNs, changedNs },
    device: type === 'block' || type === 'character' ? makeDevice(device.major, device.minor) : 0,
  };
}

export function newNode(
  id: NodeId,
  found: { readonly handle: NfsHandle; readonly attributes: NfsAttributes },
  landed: (node: ShareNode) => void = () => undefined,
): ShareNode {
  const { handle, attributes } = found;
  const node: ShareNode = {
    id,
    handle,
    key: keyOf(handle),
    type: attributes.type,
    fileId: attributes.fileId,
    references: 0,
    opens: 0,
    lastChange: 0,
    seen: attributes,
    validMs: 0,
    validSinceMs: 0,
    silly: [],
    isDistrusted: false,
    knownFailures: 0,
    unstable: new UnstableWrites(() => landed(node)),
  };
  return node;
}

export function keyOf(handle: NfsHandle): string {
  return Buffer.from(handle.buffer, handle.byteOffset, handle.byteLength).toString('latin1');
}
