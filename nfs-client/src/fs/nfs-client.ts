import type { NfsAttributes, NfsChanges, NfsStatFs } from '../protocol/nfs-attributes.ts';
import type { ByteRange } from '../protocol/nfs-file.ts';
import type { DirectoryCursor, DirectoryPage, NfsProtocol, NfsVersion } from '../protocol/nfs-protocol.ts';

export interface ReadOptions {
  readonly offset?: number;
  /** Up to the end where absent. */
  readonly length?: number;
  /** A chunk is looked at only until the next is asked for: its memory is written over then, which costs less. */
  readonly reuse?: boolean;
}

export interface WriteOptions {
  readonly offset?: number;
  /** Of a file that is made; default 0644. */
  readonly mode?: number;
  readonly create?: 'never' | 'ifAbsent' | 'exclusive';
  /** Empties an existing file first. Default true when `offset` is absent. */
  readonly truncate?: boolean;
  /** Of a file that is made or emptied: what is zeros is left out, and reads as such. */
  readonly holes?: boolean;
}

export interface CopyOptions {
  /** Replace an existing file; else EXIST. */
  readonly overwrite?: boolean;
}

/** `clone` shares blocks, `server` copied on the server, `client` read and wrote through here. */
export type CopyMethod = 'clone' | 'server' | 'client';

export interface CopyResult {
  readonly method: CopyMethod;
  readonly bytes: number;
}

export interface TreeCopyResult {
  readonly files: number;
  readonly directories: number;
  readonly bytes: number;
  /** How many files each way; empty ones went by none. */
  readonly methods: Readonly<Record<CopyMethod, number>>;
}

export interface DiskUsage {
  /** Space taken on the server; a file with several names counts once. */
  readonly usedBytes: number;
  /** Sum of the files' sizes. */
  readonly apparentBytes: number;
  readonly files: number;
  readonly directories: number;
}

export interface NfsEntry {
  readonly name: string;
  readonly attributes: NfsAttributes;
}

/**
 * A mounted export, by paths relative to its root: names joined with `/`, the root itself is `/` or empty.
 * Names are bytes: ones that are not UTF-8 come as lone surrogates U+DC80..U+DCFF and go back as the same bytes.
 * An empty name, `.`, `..`, NUL and over 255 bytes are BAD_NAME and never sent. No symlink is ever followed.
 * All methods throw NfsError; aborting `signal` rejects with its reason.
 */
export interface NfsClient extends AsyncDisposable {
  readonly version: NfsVersion;
  /** The same export by handles. */
  readonly protocol: NfsProtocol;
  stat(path: string, signal: AbortSignal): Promise<NfsAttributes>;
  setattr(path: string, changes: NfsChanges, signal: AbortSignal): Promise<void>;
  statfs(path: string, signal: AbortSignal): Promise<NfsStatFs>;
  /** Streams a directory page by page; a listing of a changing directory is as consistent as the server makes it. */
  readdir(path: string, signal: AbortSignal): AsyncIterable<NfsEntry>;
  /** One page of a directory, to go on from another time. @throws NfsError BAD_COOKIE, NOT_SAME – the server has forgotten the cursor. */
  readdirPage(path: string, cursor: DirectoryCursor | undefined, signal: AbortSignal): Promise<DirectoryPage>;
  mkdir(
    path: string,
    options: { readonly mode?: number; readonly recursive?: boolean },
    signal: AbortSignal,
  ): Promise<void>;
  rmdir(path: string, signal: AbortSignal): Promise<void>;
  /** Removes anything but a directory. */
  remove(path: string, signal: AbortSignal): Promise<void>;
  rename(from: string, to: string, signal: AbortSignal): Promise<void>;
  symlink(path: string, target: string, signal: AbortSignal): Promise<void>;
  readlink(path: string, signal: AbortSignal): Promise<string>;
  link(existing: string, path: string, signal: AbortSignal): Promise<void>;
  /** Streams a file with reads ahead; leaving the loop closes it. */
  read(path: string, options: ReadOptions, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Writes all of `source` and resolves when the server has it on stable storage. Chunks must not be changed once given. */
  write(
    path: string,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: WriteOptions & { readonly signal: AbortSignal },
  ): Promise<number>;
  /** Copies one regular file with its mode: by the server where it can, else through here. */
  copy(from: string, to: string, options: CopyOptions & { readonly signal: AbortSignal }): Promise<CopyResult>;
  /** Copies a directory with all below to a name that must not exist. Symlinks stay symlinks; owners, modes and times are kept. */
  copyTree(from: string, to: string, signal: AbortSignal): Promise<TreeCopyResult>;
  /** Removes a file or a directory with all below; an absent one is fine. Never leaves the export's filesystem. */
  removeTree(path: string, signal: AbortSignal): Promise<void>;
  du(path: string, signal: AbortSignal): Promise<DiskUsage>;
  /** Reserves space (NFSv4.2). @throws NfsError NOTSUPP. */
  allocate(path: string, range: ByteRange, signal: AbortSignal): Promise<void>;
  /** The file's ranges that hold data (NFSv4.2 SEEK); all of it where the server can't tell. */
  dataRanges(path: string, signal: AbortSignal): AsyncIterable<ByteRange>;
}
