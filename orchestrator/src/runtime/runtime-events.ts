import { Channel } from '@berth/kit';

/** What happened to a container or, where both ids are the same, to a sandbox. */
export interface RuntimeEvent {
  readonly type:
    | 'CONTAINER_CREATED_EVENT'
    | 'CONTAINER_STARTED_EVENT'
    | 'CONTAINER_STOPPED_EVENT'
    | 'CONTAINER_DELETED_EVENT';
  readonly id: string;
  readonly sandboxId: string;
  readonly atMs: number;
}

/** A reader that falls this far behind is cut off: it lists anew and goes on. */
const backlog = 1000;

/** Hands every event to every reader. */
export class RuntimeEvents {
  readonly #readers = new Set<Channel<RuntimeEvent>>();

  publish(event: RuntimeEvent): void {
    for (const reader of this.#readers) {
      if (!reader.push(event)) reader.end(new Error('too slow to follow container events'));
    }
  }

  /** Events from now on, until the signal or {@link close}. Reading begins with the call, not with the first `next`. */
  follow(signal: AbortSignal | undefined): AsyncIterable<RuntimeEvent> {
    const reader = new Channel<RuntimeEvent>(backlog);
    const stop = () => reader.end();
    this.#readers.add(reader);
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
    const forget = () => {
      this.#readers.delete(reader);
      signal?.removeEventListener('abort', stop);
    };
    return (async function* () {
      try {
        yield* reader;
      } finally {
        forget();
      }
    })();
  }

  close(): void {
    for (const reader of this.#readers) reader.end();
  }
}
