import type { SqliteFailure } from './sqlite-error.ts';

export interface LogRow {
  readonly revision: number;
  readonly key: string;
  readonly created: number;
  readonly expires: number | null;
  readonly value: Uint8Array | null;
}

/** In the order of the table's columns: a message of names and values costs the threads twice as much. */
export type WrittenRow = readonly [
  revision: number,
  key: string,
  created: number,
  expires: number | null,
  value: Uint8Array | null,
];

/** How much is read or taken away at a time: so many rows, and fewer where the last of them comes to so many bytes of values. */
export interface ReadStep {
  readonly limit: number;
  readonly bytes: number;
}

/** The keys of `prefix` at or after `start`, as they stood at `revision`. */
export interface PastKeys {
  readonly prefix: string;
  readonly start: string;
  readonly revision: number;
}

/** What the store's thread can be asked; answers come in the order of the requests. */
export type WorkerRequest =
  | { readonly op: 'open'; readonly file: string }
  | { readonly op: 'load'; readonly after: number; readonly step: ReadStep }
  /** Of no rows, it tells whether the disk takes a commit. */
  | { readonly op: 'commit'; readonly rows: readonly WrittenRow[] }
  | { readonly op: 'range'; readonly keys: PastKeys; readonly step: ReadStep }
  | { readonly op: 'count'; readonly keys: PastKeys; readonly limit: number }
  | { readonly op: 'compact'; readonly target: number; readonly step: ReadStep }
  /** Gives back the memory that pages of the file take. */
  | { readonly op: 'shrinkCache' }
  | { readonly op: 'close' };

export interface WorkerAnswers {
  open: { readonly revision: number; readonly compacted: number; readonly target: number };
  load: readonly LogRow[];
  commit: undefined;
  range: readonly LogRow[];
  /** No last: there are no more. */
  count: { readonly count: number; readonly last: string | null };
  /** How far compaction has come. */
  compact: number;
  shrinkCache: undefined;
  close: undefined;
}

export type WorkerReply = { readonly result: WorkerAnswers[keyof WorkerAnswers] } | { readonly failure: SqliteFailure };
