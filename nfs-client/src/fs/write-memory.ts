/** What all streams of a connection may keep together, to send it again should the server lose it before a COMMIT. */
const defaultAllBytes = 64 * 2 ** 20;
/** What each may keep however many there are. */
const defaultLeastBytes = 8 * 2 ** 20;

/** Divides the memory for what is written and not yet committed among the streams of a connection. */
export class WriteMemory {
  readonly #allBytes: number;
  readonly #leastBytes: number;
  #streams = 0;

  constructor({ allBytes = defaultAllBytes, leastBytes = defaultLeastBytes } = {}) {
    this.#allBytes = allBytes;
    this.#leastBytes = leastBytes;
  }

  /** How much each stream may keep now. */
  get bytesEach(): number {
    return Math.max(this.#leastBytes, this.#allBytes / Math.max(1, this.#streams));
  }

  /** Counts a stream, until disposed. */
  enter(): Disposable {
    this.#streams += 1;
    let left = false;
    return {
      [Symbol.dispose]: () => {
        if (!left) this.#streams -= 1;
        left = true;
      },
    };
  }
}
