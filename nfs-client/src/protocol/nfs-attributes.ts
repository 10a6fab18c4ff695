export type NfsFileType = 'file' | 'directory' | 'block' | 'character' | 'symlink' | 'socket' | 'fifo';

/** In the order of `ftype3` and `nfs_ftype4`, which agree from 1 to 7. */
const fileTypes: readonly NfsFileType[] = ['file', 'directory', 'block', 'character', 'symlink', 'socket', 'fifo'];

export function fileTypeOf(number: number): NfsFileType | undefined {
  return fileTypes[number - 1];
}

export function fileTypeNumber(type: NfsFileType): number {
  return fileTypes.indexOf(type) + 1;
}

/** What is known about a file. Times are nanoseconds since 1970, which no number holds. */
export interface NfsAttributes {
  readonly type: NfsFileType;
  /** Permission bits, 0o7777 at most. */
  readonly mode: number;
  readonly links: number;
  /** NFSv4 sends owners as words; one that is no number and not `root` is 65534 (nobody). */
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly usedBytes: number;
  readonly device: { readonly major: number; readonly minor: number };
  /** Tells filesystems apart; equal strings are one filesystem. */
  readonly fsId: string;
  readonly fileId: bigint;
  readonly accessedNs: bigint;
  readonly modifiedNs: bigint;
  readonly changedNs: bigint;
}

/** What to change; times may be `now`, the server's own. */
export interface NfsChanges {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly sizeBytes?: number;
  readonly accessedNs?: bigint | 'now';
  readonly modifiedNs?: bigint | 'now';
}

/** A server without a limit reports its largest number, clamped to 2^53-1. */
export interface NfsStatFs {
  readonly bytes: { readonly total: number; readonly free: number; readonly available: number };
  readonly files: { readonly total: number; readonly free: number; readonly available: number };
}
