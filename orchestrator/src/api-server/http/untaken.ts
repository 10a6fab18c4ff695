/** More is encrypted piece by piece, as the client takes it: a hundred megabytes at once take long, and twice the room. */
const largePiece = 1024 * 1024;
/** Two frames of HTTP/2. What is no longer is held whole. */
export const smallPiece = 32 * 1024;
/** Many clients that read have as much on its way; of a connection that is read again after a while as much is encrypted at once. */
const mostBytes = 16 * largePiece;

/** What is held of answers that were made and not taken yet, of all connections. */
export class Untaken {
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Of another answer, until `close`. */
  begin(answer: { once(event: 'close', end: () => void): unknown }): UntakenPart {
    const part = new UntakenPart((bytes) => this.#hold(bytes));
    answer.once('close', () => part.end());
    return part;
  }

  /** `bytes`: more or less than before. @returns whether there is room for more than a small piece. */
  #hold(bytes: number): boolean {
    this.#bytes += bytes;
    return this.#bytes <= mostBytes;
  }
}

/** What one answer holds. */
class UntakenPart {
  readonly #hold: (bytes: number) => boolean;
  #bytes = 0;
  #isOver = false;

  constructor(hold: (bytes: number) => boolean) {
    this.#hold = hold;
  }

  /**
   * The piece before is taken.
   * @returns how long the next may be: while thousands of answers are not taken, who holds them costs little, and who takes them gets all
   */
  next(wanted = largePiece): number {
    const large = Math.min(wanted, largePiece);
    if (this.#change(large)) return large;
    this.#change(smallPiece);
    return smallPiece;
  }

  end(): void {
    this.#change(0);
    this.#isOver = true;
  }

  #change(bytes: number): boolean {
    if (this.#isOver) return false;
    const more = bytes - this.#bytes;
    this.#bytes = bytes;
    return this.#hold(more);
  }
}
