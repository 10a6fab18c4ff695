import type { DirectorySink } from './wire/directory-buffer.ts';

/** What the kernel calls a file by, from the first lookup until it is forgotten. Never used again for another file. */
export type NodeId = number;
/** What was opened: the file system's own number. */
export type OpenId = number;

export const rootNode: NodeId = 1;

/** Who asks. The process is 0 where the kernel itself does. */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
}

/** A name in a directory, in bytes as the kernel has checked them: not empty, no `/`, no NUL. */
export interface NodeAt {
  readonly parent: NodeId;
  readonly name: Uint8Array;
}

/** Times are nanoseconds since 1970. */
export interface FileStat {
  readonly inode: bigint;
  /** With the type's bits (S_IFMT). */
  readonly mode: number;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  /** As `st_rdev` of devices: {@link makeDevice}. */
  readonly device: number;
  readonly sizeBytes: number;
  readonly usedBytes: number;
  readonly blockBytes: number;
  readonly accessedNs: bigint;
  readonly modifiedNs: bigint;
  readonly changedNs: bigint;
}

export interface Attributes {
  readonly stat: FileStat;
  /** For how long the kernel need not ask again. */
  readonly validMs: number;
}

export interface Entry extends Attributes {
  readonly node: NodeId;
  /** For how long the name leads there unasked. */
  readonly entryValidMs: number;
}

/** The name is not there, and for how long that may be taken as known. */
export interface NoEntry {
  readonly node: 0;
  readonly entryValidMs: number;
}

export interface Space {
  readonly blockBytes: number;
  readonly blocks: { readonly total: number; readonly free: number; readonly available: number };
  readonly files: { readonly total: number; readonly free: number };
  readonly maxNameBytes: number;
}

export interface Changes {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly sizeBytes?: number;
  readonly accessedNs?: bigint | 'now';
  readonly modifiedNs?: bigint | 'now';
}

export interface Opened {
  readonly id: OpenId;
  /** What the kernel has cached of the file is still right. */
  readonly keepCache?: boolean;
  /** Reads and writes come here as programs make them, past the page cache. */
  readonly direct?: boolean;
}

/** An open file; the node is the one it was opened by. */
export interface OpenFile {
  readonly node: NodeId;
  readonly id: OpenId;
}

export interface FileRead extends OpenFile {
  readonly offset: number;
  readonly size: number;
}

export interface FileWrite extends OpenFile {
  readonly offset: number;
  /** The file system's own from here on. */
  readonly data: Uint8Array;
  /** open(2)'s. */
  readonly flags: number;
  /** Of pages that were mapped: nobody's write call waits. */
  readonly isFromCache: boolean;
}

/**
 * Looking. Every method of a file system throws FuseError with the errno for the caller; anything else becomes EIO.
 * An aborted signal means that the caller is gone: reject with its reason. Calls for one node may come side by side.
 */
export interface FuseTree {
  /** Each entry answered, here and by the other calls that answer one, is a reference that `forget` gives back. */
  lookup(at: NodeAt, caller: Caller, signal: AbortSignal): Promise<Entry | NoEntry>;
  forget(node: NodeId, references: number): void;
  getattr(
    which: { readonly node: NodeId; readonly id?: OpenId },
    caller: Caller,
    signal: AbortSignal,
  ): Promise<Attributes>;
  readlink(node: NodeId, caller: Caller, signal: AbortSignal): Promise<Uint8Array>;
  /** @throws FuseError EACCES – not all of `mask` (R_OK, W_OK, X_OK of access(2)) is allowed. */
  access(which: { readonly node: NodeId; readonly mask: number }, caller: Caller, signal: AbortSignal): Promise<void>;
  statfs(node: NodeId, caller: Caller, signal: AbortSignal): Promise<Space>;
}

/** Making what is no regular file. Modes have the umask applied. */
export interface FuseMaker {
  /** Also of regular files. `mode` has the type's bits. */
  mknod(
    what: NodeAt & { readonly mode: number; readonly device: number },
    caller: Caller,
    signal: AbortSignal,
  ): Promise<Entry>;
  mkdir(what: NodeAt & { readonly mode: number }, caller: Caller, signal: AbortSignal): Promise<Entry>;
  symlink(what: NodeAt & { readonly target: Uint8Array }, caller: Caller, signal: AbortSignal): Promise<Entry>;
  link(what: NodeAt & { readonly node: NodeId }, caller: Caller, signal: AbortSignal): Promise<Entry>;
}

export interface FuseChanger {
  setattr(
    what: { readonly node: NodeId; readonly id?: OpenId; readonly changes: Changes },
    caller: Caller,
    signal: AbortSignal,
  ): Promise<Attributes>;
  unlink(at: NodeAt, caller: Caller, signal: AbortSignal): Promise<void>;
  rmdir(at: NodeAt, caller: Caller, signal: AbortSignal): Promise<void>;
  /** `flags` are renameat2(2)'s; EINVAL for what is not supported. */
  rename(
    what: { readonly from: NodeAt; readonly to: NodeAt; readonly flags: number },
    caller: Caller,
    signal: AbortSignal,
  ): Promise<void>;
}

export interface FuseFiles {
  /** `flags` are open(2)'s without O_CREAT and O_EXCL; O_TRUNC is to be obeyed. */
  open(what: { readonly node: NodeId; readonly flags: number }, caller: Caller, signal: AbortSignal): Promise<Opened>;
  create(
    what: NodeAt & { readonly flags: number; readonly mode: number },
    caller: Caller,
    signal: AbortSignal,
  ): Promise<{ readonly entry: Entry; readonly opened: Opened }>;
  /** Fewer bytes than asked are the file's end. */
  read(what: FileRead, signal: AbortSignal): Promise<Uint8Array>;
  /** The kernel has what a read answered: its memory can be used for something else. */
  sent?(data: Uint8Array): void;
  /** Answers how many bytes were written. */
  write(what: FileWrite, signal: AbortSignal): Promise<number>;
  /** `close` is each close(2), of which an open file may have several; the others are fsync(2) and fdatasync(2). */
  sync(file: OpenFile, why: 'close' | 'all' | 'data', signal: AbortSignal): Promise<void>;
  /** The last close: nobody waits for it. */
  release(file: OpenFile): Promise<void>;
}

export interface FuseDirectories {
  openDirectory(node: NodeId, caller: Caller, signal: AbortSignal): Promise<Opened>;
  /** Adds entries behind `offset` (0, or an entry's) until the sink is full or the directory ends, `.` and `..` included. */
  readDirectory(what: OpenFile & { readonly offset: number }, sink: DirectorySink, signal: AbortSignal): Promise<void>;
  releaseDirectory(file: OpenFile): Promise<void>;
}

/** Parts of files. EOPNOTSUPP and ENOSYS let the kernel or the program find another way. */
export interface FuseRanges {
  /** `mode` is fallocate(2)'s. */
  allocate(
    what: OpenFile & { readonly mode: number; readonly offset: number; readonly length: number },
    signal: AbortSignal,
  ): Promise<void>;
  /** The next data or hole at or behind the offset. @throws FuseError ENXIO – there is none. */
  seek(
    what: OpenFile & { readonly offset: number; readonly to: 'data' | 'hole' },
    signal: AbortSignal,
  ): Promise<number>;
  copy(
    what: {
      readonly from: OpenFile & { readonly offset: number };
      readonly to: OpenFile & { readonly offset: number };
      readonly length: number;
    },
    signal: AbortSignal,
  ): Promise<number>;
}

/** What a {@link FuseServer} serves. Disposed once when the mount is gone, with whatever was left open. */
export interface FileSystem
  extends FuseTree,
    FuseMaker,
    FuseChanger,
    FuseFiles,
    FuseDirectories,
    FuseRanges,
    AsyncDisposable {}

/** `dev_t` as the protocol carries it (the kernel's new_encode_dev). */
export function makeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

export function splitDevice(device: number): { readonly major: number; readonly minor: number } {
  return { major: (device >>> 8) & 0xfff, minor: (device & 0xff) | ((device >>> 12) & 0xfff00) };
}
