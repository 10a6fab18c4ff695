import { type Clock, messageOf } from '@berth/kit';
import { TokenBucket } from '../admission/event-rate-limit/token-bucket.ts';
import type { BatchOptions } from './audit-options.ts';
import type { AuditBackend, AuditSink, LostEvents } from './audit-sink.ts';

export interface BufferedSinkParts {
  readonly batch: BatchOptions;
  readonly clock: Clock;
  readonly lost: LostEvents;
}

/** How soon it is looked again whether a batch may go. */
const throttledMs = 100;

/** Sends events in batches, without keeping requests waiting (apiserver plugin/pkg/audit/buffered). */
export class BufferedSink implements AuditSink {
  readonly waits = false;
  readonly #backend: AuditBackend;
  readonly #parts: BufferedSinkParts;
  readonly #bucket: TokenBucket | undefined;
  readonly #sending = new Set<Promise<void>>();
  readonly #end = new AbortController();
  #waiting: string[] = [];
  #timer: Disposable | undefined;
  #draining: Promise<void> | undefined;
  /** The last batch goes, even if it is not full. */
  #due = false;

  constructor(backend: AuditBackend, parts: BufferedSinkParts) {
    const { throttle } = parts.batch;
    this.#backend = backend;
    this.#parts = parts;
    this.#bucket = throttle && new TokenBucket(parts.clock, throttle);
  }

  write(line: string): boolean {
    const { batch, clock, lost } = this.#parts;
    if (this.#waiting.length >= batch.bufferSize || this.#end.signal.aborted) {
      const why = this.#end.signal.aborted ? 'audit backend shut down' : 'audit buffer queue blocked';
      lost('buffered', 1, why);
      return true;
    }
    this.#waiting.push(line);
    if (this.#waiting.length >= batch.maxSize) this.#drain();
    else this.#timer ??= clock.schedule(batch.maxWaitMs, () => this.#flush());
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#backend.hurry();
    this.#end.abort();
    this.#flush();
    await this.#draining;
    await Promise.all(this.#sending);
    await this.#backend[Symbol.asyncDispose]();
  }

  #flush(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#due = true;
    this.#drain();
  }

  #drain(): void {
    this.#draining ??= this.#batches().finally(() => {
      this.#draining = undefined;
    });
  }

  async #batches(): Promise<void> {
    const { batch, clock } = this.#parts;
    const { signal } = this.#end;
    while (this.#waiting.length >= batch.maxSize || (this.#due && this.#waiting.length > 0)) {
      while (this.#bucket && !signal.aborted && !this.#bucket.take())
        await clock.sleep(throttledMs, signal).catch(() => undefined);
      const sent = this.#send(this.#waiting.splice(0, batch.maxSize));
      if (this.#waiting.length === 0) this.#due = false;
      this.#sending.add(sent);
      void sent.finally(() => this.#sending.delete(sent));
      // A file has one writer; of others one that is slow does not hold up the next.
      if (!this.#backend.isRemote) await sent;
    }
  }

  async #send(lines: readonly string[]): Promise<void> {
    try {
      await this.#backend.deliver(lines);
    } catch (error) {
      this.#parts.lost(this.#backend.name, lines.length, messageOf(error));
    }
  }
}
