import type { Clock } from '@berth/kit';

/** When keys disappear by themselves; one timer for the earliest. Writing a key again replaces or drops its time. */
export class Expiries implements Disposable {
  readonly #clock: Clock;
  readonly #expire: (key: string) => void;
  readonly #times = new Map<string, number>();
  /** A binary heap by time; entries that no longer match #times are skipped. */
  readonly #heap: { readonly at: number; readonly key: string }[] = [];
  #timer: Disposable | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, expire: (key: string) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  /** `at` in epoch milliseconds; undefined: never. */
  set(key: string, at: number | undefined): void {
    if (at === undefined) {
      this.#times.delete(key);
      return;
    }
    this.#times.set(key, at);
    this.#push({ at, key });
    this.#arm();
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#times.clear();
    this.#heap.length = 0;
  }

  #arm(): void {
    const first = this.#heap[0];
    if (!first || first.at >= this.#timerAt) return;
    this.#timer?.[Symbol.dispose]();
    this.#timerAt = first.at;
    this.#timer = this.#clock.schedule(Math.max(0, first.at - this.#clock.now()), () => this.#fire());
  }

  #fire(): void {
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#timer = undefined;
    const now = this.#clock.now();
    for (let first = this.#heap[0]; first && first.at <= now; first = this.#heap[0]) {
      this.#pop();
      if (this.#times.get(first.key) !== first.at) continue;
      this.#times.delete(first.key);
      this.#expire(first.key);
    }
    this.#arm();
  }

  #push(entry: { at: number; key: string }): void {
    const heap = this.#heap;
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (heap[parent]!.at <= entry.at) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    while (true) {
      let child = i * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.at < heap[child]!.at) child++;
      if (heap[child]!.at >= last.at) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}
