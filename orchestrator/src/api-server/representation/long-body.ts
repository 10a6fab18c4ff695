import { smallSteps } from '../decoding/turns.ts';
import { joinedSplices, type Splice } from '../splice.ts';
import { joinedPieces } from './joined-pieces.ts';

/** What is made as its client takes it: who takes a list of a hundred megabytes slowly, or never, holds none of them. */
export interface LongBody {
  /** Undefined: that shows at its end. */
  readonly byteLength: number | undefined;
  /** Of about so many bytes as `next` says of each, once those before it are taken. */
  pieces(next: () => number): AsyncIterable<Uint8Array>;
}

/** Documents with commas between them, after `head` and before `tail`. */
export class SplicedList implements LongBody {
  readonly byteLength: number | undefined;
  readonly #head: string;
  readonly #tail: string;
  readonly #count: number;
  readonly #spliceAt: (i: number) => Splice;
  readonly #costAt: (i: number) => number;
  readonly #signal: AbortSignal;

  constructor(list: {
    readonly head: string;
    readonly tail: string;
    readonly count: number;
    /** Of all documents; undefined: they are not made yet. */
    readonly bytes: number | undefined;
    /** What it returns for a place is always the same. */
    readonly spliceAt: (i: number) => Splice;
    /** What that takes, and copying it, in units of {@link turns}. */
    readonly costAt: (i: number) => number;
    /** Nobody waits for it any more. */
    readonly signal: AbortSignal;
  }) {
    [this.#head, this.#tail, this.#count, this.#spliceAt] = [list.head, list.tail, list.count, list.spliceAt];
    [this.#costAt, this.#signal] = [list.costAt, list.signal];
    const around = Buffer.byteLength(list.head) + Math.max(0, list.count - 1) + list.tail.length;
    this.byteLength = list.bytes === undefined ? undefined : list.bytes + around;
  }

  async *pieces(next: () => number): AsyncGenerator<Uint8Array> {
    let head = this.#head;
    let some: Splice[] = [];
    let bytes = 0;
    let size = next();
    const steps = smallSteps();
    for (let i = 0; i < this.#count; i++) {
      const pause = steps.goOn(this.#costAt(i));
      if (pause) await pause;
      this.#signal.throwIfAborted();
      const splice = this.#spliceAt(i);
      if (splice.bytes.length > size) {
        const { begin, rest } = begunSplice(splice);
        yield joinedSplices(head, [...some, begin], '');
        yield* cut(rest, next);
      } else {
        some.push(splice);
        bytes += splice.bytes.length;
        if (bytes < size) continue;
        yield joinedSplices(head, some, '');
      }
      // What follows them, if anything does, comes behind a comma.
      [head, some, bytes, size] = [i + 1 < this.#count ? ',' : '', [], 0, next()];
    }
    yield joinedSplices(head, some, this.#tail);
  }
}

/** What is long of a document goes as it is stored, of which there is a copy already. */
function begunSplice({ bytes, from, at, text }: Splice): { readonly begin: Splice; readonly rest: Uint8Array } {
  const end = text === '' ? from : at;
  return { begin: { bytes: bytes.subarray(0, end), from, at: end, text }, rest: bytes.subarray(end) };
}

/** In pieces of about as many bytes as `next` says of each. */
export function* cut(bytes: Uint8Array, next: () => number): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; ) {
    const piece = bytes.subarray(at, at + next());
    at += piece.byteLength;
    yield piece;
  }
}

const gatheredBytes = 1024 * 1024;

/** All of it at once. */
export async function wholeBody(body: Uint8Array | LongBody): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body;
  const pieces: Uint8Array[] = [];
  for await (const piece of body.pieces(() => gatheredBytes)) pieces.push(piece);
  const [only] = pieces;
  return pieces.length === 1 && only ? only : joinedPieces(pieces);
}
