import { Channel, type Clock, deadline, type Logger, type Rng, systemRng } from '@berth/kit';
import { isAlreadyExists, isReason } from './api-error.ts';

export interface EventOutboxOptions {
  readonly clock: Clock;
  readonly rng?: Rng;
  readonly log: Logger;
}

/** One write of an event, and whose it is, for the log. */
export interface OutboxItem {
  readonly reason: string | undefined;
  readonly object: string | undefined;
  readonly send: (signal: AbortSignal) => Promise<unknown>;
}

interface QueuedItem extends OutboxItem {
  /** By the monotonic clock. */
  readonly dueMs: number;
}

/** Beyond it events are dropped: they are best effort, memory is not (client-go's broadcaster queue). */
const queueLimit = 1000;
/** client-go's record package: a dozen tries, ten seconds apart. */
const maxTries = 12;
const retryMs = 10_000;
/** What an event tells of is still under way, often in this very process: it goes first, and the event is written while it waits. */
const giveWayMs = 2;
/** How long disposal waits for the server to take what is queued. */
const drainMs = 5_000;

/** Sends events in the background, in order; disposing it sends what is queued, for at most five seconds. */
export class EventOutbox implements AsyncDisposable {
  readonly #options: EventOutboxOptions;
  readonly #queue = new Channel<QueuedItem>(queueLimit);
  readonly #stop = new AbortController();
  readonly #closing = new AbortController();
  readonly #done: Promise<void>;

  constructor(options: EventOutboxOptions) {
    this.#options = options;
    this.#done = this.#drain();
  }

  post(item: OutboxItem): void {
    const { clock, log } = this.#options;
    if (this.#queue.push({ ...item, dueMs: clock.monotonicMs() + giveWayMs })) return;
    const { reason, object } = item;
    log.warn('event dropped: too many are queued', { reason, object });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#queue.end();
    this.#closing.abort();
    using limit = deadline(this.#options.clock, drainMs);
    limit.signal.addEventListener('abort', () => this.#stop.abort(), { once: true });
    await this.#done;
  }

  async #drain(): Promise<void> {
    for await (const item of this.#queue) {
      await this.#giveWay(item.dueMs);
      if (this.#stop.signal.aborted) return;
      await this.#send(item);
    }
  }

  async #giveWay(dueMs: number): Promise<void> {
    const { clock } = this.#options;
    const leftMs = dueMs - clock.monotonicMs();
    if (leftMs > 0) await clock.sleep(leftMs, this.#closing.signal).catch(() => undefined);
  }

  async #send({ reason, object, send }: OutboxItem): Promise<void> {
    const { clock, log, rng = systemRng } = this.#options;
    for (let tries = 1; ; tries++) {
      try {
        await send(this.#stop.signal);
        return;
      } catch (error) {
        if (isAlreadyExists(error) || this.#stop.signal.aborted) return;
        const facts = { reason, object, error };
        if (isRefusal(error)) return log.debug('the server refused an event', facts);
        if (tries === maxTries) return log.warn('gave up writing an event', facts);
      }
      if (this.#closing.signal.aborted) return;
      await clock.sleep(tries === 1 ? retryMs * rng.next() : retryMs, this.#closing.signal).catch(() => undefined);
    }
  }
}

/** The server got the event and said no: trying again would not help. */
function isRefusal(error: unknown): boolean {
  return (
    !isReason(error, 'ServiceUnavailable', 'Timeout', 'ServerTimeout', 'TooManyRequests') &&
    'status' in (error as object)
  );
}
