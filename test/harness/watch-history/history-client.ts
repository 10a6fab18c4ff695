import type { Clock, Rng } from '@berth/kit';
import type { HistoryRecorder } from './history-recorder.ts';
import type { Wire } from './wire.ts';

/** What every client of the tests has. */
export interface HistoryClient {
  readonly who: string;
  readonly recorder: HistoryRecorder;
  readonly rng: Rng;
  readonly clock: Clock;
  /** One of the servers that run; undefined while none does. */
  readonly wire: () => Wire | undefined;
}

export function pick<T>(rng: Rng, all: readonly T[]): T {
  return all[Math.floor(rng.next() * all.length)] as T;
}

/** `from` to below `to` milliseconds of rest. */
export async function rest({ clock, rng }: HistoryClient, from: number, to: number, signal: AbortSignal) {
  await clock.sleep(from + rng.next() * (to - from), signal).catch(() => undefined);
}
