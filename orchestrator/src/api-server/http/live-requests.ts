import { abortable, type Clock, deadline } from '@berth/kit';
import { isLongRunning } from '../request-info.ts';
import type { ServedRequest } from './served-request.ts';

/** The requests that are being answered, so that a server that ends has answered what it let in. */
export class LiveRequests {
  readonly #short = new Set<ServedRequest>();
  readonly #long = new Set<ServedRequest>();
  /** Set once the server ends. */
  #answered: (() => void) | undefined;

  begin(served: ServedRequest): void {
    const set = isLongRunning(served.info) ? this.#long : this.#short;
    set.add(served);
    if (this.#answered) served.endConnection();
    served.reply.response.once('close', () => {
      set.delete(served);
      if (this.#short.size === 0) this.#answered?.();
    });
  }

  /** Waits for the answers of those that end by themselves, but not longer than `ms`, and ends watches and their like. */
  async drain(clock: Clock, ms: number): Promise<void> {
    const { promise: answered, resolve } = Promise.withResolvers<void>();
    this.#answered = resolve;
    for (const served of this.#short) served.endConnection();
    if (this.#short.size > 0) await atMost(clock, ms, answered);
    for (const served of this.#long) served.end();
  }
}

/** Waits for it, but not longer. */
export async function atMost(clock: Clock, ms: number, end: Promise<void>): Promise<void> {
  using limit = deadline(clock, ms);
  await abortable(end, limit.signal).catch(() => undefined);
}
