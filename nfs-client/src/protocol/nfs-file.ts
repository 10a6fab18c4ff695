import type { NfsAttributes, NfsChanges } from './nfs-attributes.ts';
import type { NfsHandle } from './nfs-handle.ts';

export interface OpenOptions {
  readonly access: 'read' | 'write' | 'both';
  /** `never`: NOENT where absent. `ifAbsent`: made where absent. `exclusive`: EXIST where present, also after a repeated call. */
  readonly create?: 'never' | 'ifAbsent' | 'exclusive';
  /** Attributes of a file that is made; `sizeBytes: 0` also empties one that exists. */
  readonly changes?: NfsChanges;
}

/** NFS's `stable_how`: with 0 the data may be lost in a server's crash until a commit says otherwise. */
export const stability = { unstable: 0, dataSync: 1, fileSync: 2 } as const;
export type Stability = (typeof stability)[keyof typeof stability];

export interface ReadResult {
  /** A view; valid as long as it is referenced. May be shorter than asked. */
  readonly data: Uint8Array;
  readonly end: boolean;
}

export interface WriteRequest {
  readonly offset: number;
  readonly data: Uint8Array;
  readonly stability: Stability;
}

export interface WriteResult {
  /** May be less than given. */
  readonly bytes: number;
  readonly committed: Stability;
  /** Changes when the server lost uncommitted data. */
  readonly verifier: string;
}

export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** An open regular file. */
export interface NfsFile {
  readonly handle: NfsHandle;
  readonly attributes: NfsAttributes;
  read(range: ByteRange, signal: AbortSignal): Promise<ReadResult>;
  write(what: WriteRequest, signal: AbortSignal): Promise<WriteResult>;
  /** As the open file: who opened it for writing may set its size, whatever its mode is now. */
  setattr(changes: NfsChanges, signal: AbortSignal): Promise<void>;
  /** Makes all writes durable; answers the verifier they must have had. */
  commit(signal: AbortSignal): Promise<string>;
  close(signal: AbortSignal): Promise<void>;
  /** NFSv4.2's operations, absent on older versions; each throws NOTSUPP where the server has it not. */
  readonly extended?: NfsExtendedFile;
}

export interface CopyRange {
  readonly sourceOffset: number;
  readonly offset: number;
  /** 0 is up to the source's end. */
  readonly length: number;
}

/** RFC 7862: what NFSv4.2 adds. @throws NfsError NOTSUPP – this server does not do it. */
export interface NfsExtendedFile {
  /** Shares blocks with `source`: constant time. */
  clone(source: NfsFile, range: CopyRange, signal: AbortSignal): Promise<void>;
  /** Copies within the server and answers how many bytes; may be less than asked. */
  copy(source: NfsFile, range: CopyRange, signal: AbortSignal): Promise<WriteResult>;
  allocate(range: ByteRange, signal: AbortSignal): Promise<void>;
  deallocate(range: ByteRange, signal: AbortSignal): Promise<void>;
  /** The next data or hole at or behind `offset`; `end` where there is none. */
  seek(
    offset: number,
    what: 'data' | 'hole',
    signal: AbortSignal,
  ): Promise<{ readonly offset: number; readonly end: boolean }>;
}
