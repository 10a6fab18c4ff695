import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { turns } from './turns.ts';

/** Does work in steps, and notes what was done in which turn of the event loop. */
class Day {
  readonly done: { readonly turn: number; readonly who: string; readonly units: number }[] = [];
  #turn = 0;
  #isOver = false;

  constructor() {
    void this.#count();
  }

  async work(who: string, steps: number, units: number, way: 'arrive' | 'goOn' = 'goOn'): Promise<void> {
    for (let i = 0; i < steps; i++) {
      const pause = turns[way](units);
      if (pause) await pause;
      this.done.push({ turn: this.#turn, who, units });
    }
  }

  /** The most of one turn. */
  get most(): number {
    const sums = new Map<number, number>();
    for (const { turn, units } of this.done) sums.set(turn, (sums.get(turn) ?? 0) + units);
    return Math.max(...sums.values());
  }

  turnsOf(who: string): number[] {
    return this.done.filter((each) => each.who === who).map(({ turn }) => turn);
  }

  end(): void {
    this.#isOver = true;
  }

  async #count(): Promise<void> {
    while (!this.#isOver) {
      await setImmediate();
      this.#turn++;
    }
  }
}

test('a hundred who work beside each other do no more in a turn than one', async () => {
  await setImmediate();
  const day = new Day();
  await Promise.all(Array.from({ length: 100 }, (_, i) => day.work(`${i}`, 20, 10_000)));
  day.end();
  expect(day.done).toHaveLength(2000);
  expect(day.most).toBeLessThanOrEqual(100_000);
});

test('what comes in waits for one step of what goes on, not for all of it', async () => {
  await setImmediate();
  const day = new Day();
  const long = Promise.all(Array.from({ length: 50 }, (_, i) => day.work(`long ${i}`, 10, 50_000)));
  await setImmediate();
  await day.work('short', 10, 500, 'arrive');
  const [first = 0, last = 0] = [day.turnsOf('short')[0], day.turnsOf('short').at(-1)];
  expect(last - first).toBeLessThanOrEqual(10);
  expect(day.done.length).toBeLessThan(100);
  await long;
  day.end();
});

test('what goes on is not starved by what comes in', async () => {
  await setImmediate();
  const day = new Day();
  let isDone = false;
  const flood = (async () => {
    while (!isDone) await day.work('flood', 100, 1000, 'arrive');
  })();
  await day.work('long', 20, 20_000);
  isDone = true;
  await flood;
  day.end();
  expect(day.turnsOf('long')).toHaveLength(20);
});

test('a step that alone is too much is done alone', async () => {
  await setImmediate();
  const day = new Day();
  await Promise.all([day.work('huge', 2, 10_000_000), day.work('small', 10, 10)]);
  day.end();
  expect(day.done).toHaveLength(12);
});
