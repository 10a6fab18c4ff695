import { NfsError } from '../nfs-error.ts';
import type { NfsAttributes, NfsChanges } from '../protocol/nfs-attributes.ts';
import {
  type ByteRange,
  type NfsFile,
  type ReadResult,
  stability,
  type WriteRequest,
  type WriteResult,
} from '../protocol/nfs-file.ts';
import { nfsHandle } from '../protocol/nfs-handle.ts';

/** A file on a server that may restart: what was not committed is then lost, as the protocol allows. */
export class MemoryFile implements NfsFile {
  readonly handle = nfsHandle(Buffer.from('file'));
  content: Buffer;
  /** Most a single READ or WRITE does. */
  mostBytes = Number.MAX_SAFE_INTEGER;
  writes = 0;
  commits = 0;
  openCalls = 0;
  mostOpenCalls = 0;
  /** Called before each write. */
  onWrite: () => void = () => undefined;
  /** What it waits for comes before the answer; what is written meanwhile is not covered. */
  onCommit: () => unknown = () => undefined;
  #boot = 1;
  #room: Buffer = Buffer.alloc(0);
  #unstable: { readonly offset: number; readonly before: Buffer }[] = [];
  readonly #known: number;

  constructor(content: Buffer = Buffer.alloc(0), knownSize = content.length) {
    this.content = content;
    this.#known = knownSize;
  }

  /** What a restart would lose now. */
  get unstableBytes(): number {
    return this.#unstable.reduce((sum, { before }) => sum + before.length, 0);
  }

  get attributes(): NfsAttributes {
    return { sizeBytes: this.#known } as NfsAttributes;
  }

  /** Loses what was not committed. */
  restart(): void {
    for (const { offset, before } of this.#unstable.reverse()) this.#put(offset, before);
    this.#unstable = [];
    this.#boot += 1;
  }

  async setattr({ sizeBytes = this.content.length }: NfsChanges, signal: AbortSignal): Promise<void> {
    await this.#call(signal);
    const before = this.content;
    this.content = Buffer.alloc(sizeBytes);
    before.copy(this.content);
  }

  async read({ offset, length }: ByteRange, signal: AbortSignal): Promise<ReadResult> {
    await this.#call(signal);
    const data = this.content.subarray(offset, offset + Math.min(length, this.mostBytes));
    return { data, end: offset + data.length >= this.content.length };
  }

  async write({ offset, data, stability: how }: WriteRequest, signal: AbortSignal): Promise<WriteResult> {
    await this.#call(signal);
    this.writes += 1;
    this.onWrite();
    const part = Buffer.from(data.subarray(0, this.mostBytes));
    const before = Buffer.alloc(part.length);
    this.content.subarray(offset, offset + part.length).copy(before);
    if (how === stability.unstable) this.#unstable.push({ offset, before });
    this.#put(offset, part);
    return { bytes: part.length, committed: how, verifier: String(this.#boot) };
  }

  async commit(signal: AbortSignal): Promise<string> {
    await this.#call(signal);
    this.commits += 1;
    const covered = new Set(this.#unstable);
    const boot = this.#boot;
    await this.onCommit();
    if (boot === this.#boot) this.#unstable = this.#unstable.filter((one) => !covered.has(one));
    return String(this.#boot);
  }

  async close(): Promise<void> {}

  async #call(signal: AbortSignal): Promise<void> {
    this.openCalls += 1;
    this.mostOpenCalls = Math.max(this.mostOpenCalls, this.openCalls);
    await new Promise((resolve) => setImmediate(resolve));
    this.openCalls -= 1;
    if (signal.aborted) throw new NfsError('CLOSED', 'aborted');
  }

  #put(offset: number, data: Buffer): void {
    const size = offset + data.length;
    if (size > this.content.length) this.content = this.#grown(size);
    data.copy(this.content, offset);
  }

  /** What grows by each write is not to be copied by each write. */
  #grown(size: number): Buffer {
    if (this.content.buffer !== this.#room.buffer || size > this.#room.length) {
      const room = Buffer.alloc(2 * size);
      this.content.copy(room);
      this.#room = room;
    }
    return this.#room.subarray(0, size);
  }
}
