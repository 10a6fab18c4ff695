/** An NFS client over TCP: NFSv3, 4.1 and 4.2 behind one interface, by paths or by handles. Knows nothing of CSI. */
export { connectNfs } from './connect-nfs.ts';
export type { ConnectNfsOptions } from './connect-options.ts';
export type {
  CopyMethod,
  CopyOptions,
  CopyResult,
  DiskUsage,
  NfsClient,
  NfsEntry,
  ReadOptions,
  TreeCopyResult,
  WriteOptions,
} from './fs/nfs-client.ts';
export { listNfsExports } from './list-exports.ts';
export type { NfsExport } from './mount/mount-client.ts';
export { decodeBytes, encodeBytes } from './names/byte-string.ts';
export { type ClientFault, isNfsError, NfsError, type NfsErrorCode, type RpcFault } from './nfs-error.ts';
export type { NfsStatus } from './nfs-status.ts';
export type { NfsAttributes, NfsChanges, NfsFileType, NfsStatFs } from './protocol/nfs-attributes.ts';
export {
  type ByteRange,
  type CopyRange,
  type NfsExtendedFile,
  type NfsFile,
  type OpenOptions,
  type ReadResult,
  type Stability,
  stability,
  type WriteRequest,
  type WriteResult,
} from './protocol/nfs-file.ts';
export { type NfsHandle, nfsHandle } from './protocol/nfs-handle.ts';
export type {
  DirectoryCursor,
  DirectoryPage,
  NameAt,
  NfsChanger,
  NfsDirectoryEntry,
  NfsLimits,
  NfsMaker,
  NfsNode,
  NfsProtocol,
  NfsTree,
  NfsVersion,
  SpecialFile,
} from './protocol/nfs-protocol.ts';
export type { UnixIdentity } from './rpc/credentials.ts';
