/** Lets through work up to a number of bytes in flight, in the order it came; one piece larger than all of it goes alone. */
export class ByteBudget {
  readonly #limit: number;
  readonly #waiting: { readonly bytes: number; readonly go: () => void }[] = [];
  #used = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get usedBytes(): number {
    return this.#used;
  }

  /** Resolves when the bytes fit; disposing gives them back. Rejects with the signal's reason. */
  acquire(bytes: number, signal: AbortSignal): Promise<Disposable> | Disposable {
    if (this.#waiting.length === 0 && this.#fits(bytes)) return this.#take(bytes);
    return new Promise<Disposable>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const entry = {
        bytes,
        go: () => {
          signal.removeEventListener('abort', onAbort);
          resolve(this.#take(bytes));
        },
      };
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(signal.reason);
        this.#wake();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(entry);
    });
  }

  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#limit;
  }

  #take(bytes: number): Disposable {
    this.#used += bytes;
    let returned = false;
    return {
      [Symbol.dispose]: () => {
        if (returned) return;
        returned = true;
        this.#used -= bytes;
        this.#wake();
      },
    };
  }

  #wake(): void {
    for (let first = this.#waiting[0]; first && this.#fits(first.bytes); first = this.#waiting[0]) {
      this.#waiting.shift();
      first.go();
    }
  }
}
