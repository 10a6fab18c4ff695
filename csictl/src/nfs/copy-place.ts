/** What a tree holds; the last are neither read nor made. */
export type EntryType = 'file' | 'directory' | 'symlink' | 'other';

export interface CopyEntry {
  /** Below the place; names joined with `/`, empty for the place itself. */
  readonly path: string;
  readonly type: EntryType;
  /** Permission bits. */
  readonly mode: number;
  readonly sizeBytes: number;
}

/** Where a copy comes from. No symlink is followed below it. */
export interface CopySource {
  stat(path: string, signal: AbortSignal): Promise<CopyEntry>;
  /** Entries of a directory, in no order. */
  entries(path: string, signal: AbortSignal): AsyncIterable<CopyEntry>;
  read(path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  readlink(path: string, signal: AbortSignal): Promise<string>;
}

/** Where a copy goes. No symlink is followed below it. */
export interface CopyTarget {
  /** Undefined where nothing is. */
  find(path: string, signal: AbortSignal): Promise<CopyEntry | undefined>;
  /** Puts a whole file there, durably, in place of one that is there; a copy that fails leaves the old one. What is zeros becomes holes. */
  write(path: string, content: AsyncIterable<Uint8Array>, file: { mode: number; signal: AbortSignal }): Promise<void>;
  /** Makes a directory; one that is there is fine. */
  makeDirectory(path: string, mode: number, signal: AbortSignal): Promise<void>;
  symlink(path: string, target: string, signal: AbortSignal): Promise<void>;
}

export function parentOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function childOf(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`;
}
