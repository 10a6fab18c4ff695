/**
 * A bounded buffer between a synchronous producer and one asynchronous consumer.
 * `push` answers false when the buffer is full: the producer decides whether to drop, wait or disconnect.
 */
export class Channel<T> implements AsyncIterable<T>, Disposable {
  readonly #limit: number;
  readonly #items: T[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #error: unknown;

  constructor(limit = Number.POSITIVE_INFINITY) {
    this.#limit = limit;
  }

  push(item: T): boolean {
    if (this.#ended || this.#items.length >= this.#limit) return false;
    this.#items.push(item);
    this.#signal();
    return true;
  }

  get length(): number {
    return this.#items.length;
  }

  /** No more items; the consumer sees what is buffered, then the end or `error`. */
  end(error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#signal();
  }

  [Symbol.dispose](): void {
    this.#items.length = 0;
    this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    while (true) {
      while (this.#items.length > 0) yield this.#items.shift() as T;
      if (this.#ended) {
        if (this.#error !== undefined) throw this.#error;
        return;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #signal(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
