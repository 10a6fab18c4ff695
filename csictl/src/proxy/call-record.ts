import type { GrpcCode } from '@berth/protos';

/** One call of a recording, as its line in the file. */
export interface CallRecord {
  readonly seq: number;
  /** RFC 3339 with milliseconds. */
  readonly time: string;
  /** Milliseconds from the beginning of the recording: what was under way at once can be told from it. */
  readonly startMs: number;
  readonly ms: number;
  readonly method: string;
  readonly request: Readonly<Record<string, unknown>>;
  /** Each message that came back: one, or any number of a stream. */
  readonly responses: readonly Readonly<Record<string, unknown>>[];
  /** Messages that are not in `responses`, since the call would be too large to keep. */
  readonly omitted?: number;
  readonly code: GrpcCode;
  readonly message?: string;
  /** What was done to the call on purpose. */
  readonly fault?: string;
}

/** The first line of a recording. */
export interface RecordHeader {
  readonly recording: 1;
  readonly time: string;
  readonly driver: string;
  readonly version: string;
  readonly nodeId?: string;
  readonly segments?: Readonly<Record<string, string>>;
}

/** A call whose messages are longer than this is kept without them. */
export const maxCallBytes = 256 * 1024;
