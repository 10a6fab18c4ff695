import type { UnixIdentity } from '../rpc/credentials.ts';
import type { NfsAttributes, NfsChanges, NfsStatFs } from './nfs-attributes.ts';
import type { NfsFile, OpenOptions } from './nfs-file.ts';
import type { NfsHandle } from './nfs-handle.ts';

export type NfsVersion = 3 | 4.1 | 4.2;

/** A name in a directory: how NFS says where something is. The name is checked before it is sent. */
export interface NameAt {
  readonly dir: NfsHandle;
  readonly name: string;
}

export interface NfsNode {
  readonly handle: NfsHandle;
  readonly attributes: NfsAttributes;
}

/** Where to go on in a directory; the first page has none. Valid as long as the server says so (BAD_COOKIE). */
export interface DirectoryCursor {
  readonly cookie: bigint;
  readonly verifier: Uint8Array;
}

/** Handle and attributes come along where the server gives them with the listing. */
export interface NfsDirectoryEntry {
  readonly name: string;
  readonly fileId: bigint;
  /** Where the directory goes on behind this entry. */
  readonly cookie: bigint;
  readonly handle?: NfsHandle | undefined;
  readonly attributes?: NfsAttributes | undefined;
}

/** A bounded part of a directory, without `.` and `..`. */
export interface DirectoryPage {
  readonly entries: readonly NfsDirectoryEntry[];
  readonly next: DirectoryCursor;
  readonly end: boolean;
}

export interface NfsLimits {
  readonly readBytes: number;
  readonly writeBytes: number;
}

/** What a name or handle leads to: reading the tree. Nothing here follows a symlink. */
export interface NfsTree {
  lookup(at: NameAt, signal: AbortSignal): Promise<NfsNode>;
  getattr(handle: NfsHandle, signal: AbortSignal): Promise<NfsAttributes>;
  /** The subset of `rights` (1 read, 2 lookup, 4 modify, 8 extend, 16 delete, 32 execute) the caller has. */
  access(handle: NfsHandle, rights: number, signal: AbortSignal): Promise<number>;
  readdir(dir: NfsHandle, cursor: DirectoryCursor | undefined, signal: AbortSignal): Promise<DirectoryPage>;
  readlink(handle: NfsHandle, signal: AbortSignal): Promise<string>;
  statfs(handle: NfsHandle, signal: AbortSignal): Promise<NfsStatFs>;
}

export type SpecialFile =
  | { readonly type: 'socket' | 'fifo' }
  | { readonly type: 'block' | 'character'; readonly major: number; readonly minor: number };

/** Making nodes; each call fails with EXIST where the name is taken. */
export interface NfsMaker {
  mkdir(at: NameAt, changes: NfsChanges, signal: AbortSignal): Promise<NfsNode>;
  symlink(at: NameAt, target: string, signal: AbortSignal): Promise<NfsNode>;
  mknod(at: NameAt, what: SpecialFile & { readonly changes: NfsChanges }, signal: AbortSignal): Promise<NfsNode>;
  link(handle: NfsHandle, at: NameAt, signal: AbortSignal): Promise<void>;
}

/** Changing what exists. `remove` refuses a directory with ISDIR, `rmdir` anything else with NOTDIR. */
export interface NfsChanger {
  setattr(handle: NfsHandle, changes: NfsChanges, signal: AbortSignal): Promise<void>;
  remove(at: NameAt, signal: AbortSignal): Promise<void>;
  rmdir(at: NameAt, signal: AbortSignal): Promise<void>;
  rename(from: NameAt, to: NameAt, signal: AbortSignal): Promise<void>;
}

/** One NFS version's way of doing what all of them do, by handles: what paths, streams and a FUSE server stand on. */
export interface NfsProtocol extends NfsTree, NfsMaker, NfsChanger, AsyncDisposable {
  readonly version: NfsVersion;
  /** The mounted export. */
  readonly root: NfsHandle;
  readonly limits: NfsLimits;
  /** Opens a regular file by name, making it where asked. */
  open(at: NameAt, options: OpenOptions, signal: AbortSignal): Promise<NfsFile>;
  /** Opens a regular file by handle. @throws NfsError ACCESS – the caller may not, as the server sees it. */
  openHandle(handle: NfsHandle, access: OpenOptions['access'], signal: AbortSignal): Promise<NfsFile>;
  /** What a read gave is looked at by nobody any more: its memory may be written over by a later one. */
  giveBack(data: Uint8Array): void;
  /** The same export for another user, over the same connection. Disposing it does nothing. */
  as(identity: UnixIdentity): NfsProtocol;
}
