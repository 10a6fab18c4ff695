import { turns } from './turns.ts';

/** Work in steps: before each it says what that takes, in units of {@link turns}. */
export type Steps<T> = Generator<number, T, void>;

/** All of it now: there is nobody who waits. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** In turns of the event loop. */
export async function inTurns<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    const pause = turns.goOn(value);
    if (pause) await pause;
  }
}

/** One after the other. */
export function* each<T, U>(items: readonly T[], steps: (item: T, index: number) => Steps<U>): Steps<U[]> {
  const results: U[] = [];
  for (const [i, item] of items.entries()) results.push(yield* steps(item, i));
  return results;
}
