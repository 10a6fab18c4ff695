import { type Clock, messageOf } from '@berth/kit';
import type { AuditPlugin } from './audit-options.ts';
import { BufferedSink } from './buffered-sink.ts';
import { shortened } from './shorten-event.ts';

/** A place that keeps events. */
export interface AuditBackend extends AsyncDisposable {
  /** `log`, `webhook`. */
  readonly name: string;
  /** Whether it asks others, which may be away for a while. */
  readonly isRemote: boolean;
  /** Each line is one event as JSON. @throws Error – they are lost. */
  deliver(lines: readonly string[]): void | Promise<void>;
  /** The server stops: nobody waits for long any more. */
  hurry(): void;
}

/** Where events go. */
export interface AuditSink extends AsyncDisposable {
  /** Whether events are sent before the answer is. */
  readonly waits: boolean;
  /** False: it is lost, and must not be. A promise: who writes has to wait. Never throws. */
  write(line: string): boolean | Promise<boolean>;
}

/** Hears of events that are lost, by upstream's names of plugins. */
export type LostEvents = (plugin: string, events: number, why: string) => void;

export interface SinkParts {
  readonly plugin: AuditPlugin;
  readonly clock: Clock;
  readonly lost: LostEvents;
}

/** Events to `backend` as its plugin's flags say (apiserver options/audit.go wrapBackend). */
export function sinkTo(backend: AuditBackend, { plugin, clock, lost }: SinkParts): AuditSink {
  const { mode, batch, mostEventBytes } = plugin;
  const sink =
    mode === 'batch'
      ? new BufferedSink(backend, { batch, clock, lost })
      : new DirectSink(backend, { strict: mode === 'blocking-strict', lost });
  return mostEventBytes === undefined ? sink : new ShorteningSink(sink, { mostEventBytes, lost });
}

class DirectSink implements AuditSink {
  readonly waits: boolean;
  readonly #backend: AuditBackend;
  readonly #strict: boolean;
  readonly #lost: LostEvents;

  constructor(backend: AuditBackend, { strict, lost }: { readonly strict: boolean; readonly lost: LostEvents }) {
    this.waits = backend.isRemote;
    this.#backend = backend;
    this.#strict = strict;
    this.#lost = lost;
  }

  write(line: string): boolean | Promise<boolean> {
    try {
      const pending = this.#backend.deliver([line]);
      if (pending === undefined) return true;
      return pending.then(
        () => true,
        (error: unknown) => this.#failed(error),
      );
    } catch (error) {
      return this.#failed(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#backend.hurry();
    await this.#backend[Symbol.asyncDispose]();
  }

  #failed(error: unknown): boolean {
    this.#lost(this.#backend.name, 1, messageOf(error));
    return !this.#strict;
  }
}

class ShorteningSink implements AuditSink {
  readonly waits: boolean;
  readonly #sink: AuditSink;
  readonly #most: number;
  readonly #lost: LostEvents;

  constructor(sink: AuditSink, about: { readonly mostEventBytes: number; readonly lost: LostEvents }) {
    this.waits = sink.waits;
    this.#sink = sink;
    this.#most = about.mostEventBytes;
    this.#lost = about.lost;
  }

  write(line: string): boolean | Promise<boolean> {
    const short = shortened(line, this.#most);
    if (short !== undefined) return this.#sink.write(short);
    this.#lost('truncate', 1, 'event is too large even after truncating');
    return true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#sink[Symbol.asyncDispose]());
  }
}
