import type { Clock } from '@berth/kit';

const mostSeconds = 32;

interface Second {
  readonly at: number;
  count: number;
}

interface Level {
  current: Second;
  history: Second[];
  retryAfter: number;
  changedAt: number;
}

/**
 * After how many seconds a refused client shall come again: twice as many while a level refuses three a second and more,
 * one fewer each second that it refuses less than one (apiserver dropped_requests_tracker).
 */
export class DroppedRequests {
  readonly #clock: Clock;
  readonly #levels = new Map<string, Level>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns seconds for `Retry-After`. */
  record(level: string): number {
    const now = Math.floor(this.#clock.monotonicMs() / 1000);
    const known = this.#levels.get(level);
    if (!known) {
      const current = { at: now, count: 1 };
      this.#levels.set(level, { current, history: [], retryAfter: 1, changedAt: Number.NEGATIVE_INFINITY });
      return 1;
    }
    if (known.current.at === now) known.current.count++;
    else {
      const most = Math.min(2 * known.retryAfter, mostSeconds);
      known.history = [...known.history, known.current].filter(({ at }) => known.current.at - at <= most);
      known.current = { at: now, count: 1 };
      update(known, now);
    }
    return known.retryAfter;
  }
}

function update(level: Level, now: number): void {
  const { retryAfter } = level;
  const dropped = level.history
    .filter(({ at }) => now - at <= retryAfter && at < now)
    .reduce((sum, { count }) => sum + count, 0);
  if (now - level.changedAt >= retryAfter && dropped >= 3 * retryAfter) {
    level.retryAfter = Math.min(2 * retryAfter, mostSeconds);
    level.changedAt = now;
  } else if (dropped < retryAfter && retryAfter > 1) level.retryAfter--;
}
