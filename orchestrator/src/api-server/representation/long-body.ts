import { copyingCost } from '../decoding/costs.ts';
import { smallSteps } from '../decoding/turns.ts';
import { joinedSplices, type Splice } from '../splice.ts';
import { joinedPieces } from './joined-pieces.ts';

/** What is made as its client takes it: who takes a list of a hundred megabytes slowly, or never, holds none of them. */
export interface LongBody {
  readonly byteLength: number;
  /** Of about so many bytes as `next` says of each, once those before it are taken. */
  pieces(next: () => number): AsyncIterable<Uint8Array>;
}

/** Documents with commas between them, after `head` and before `tail`. */
export class SplicedList implements LongBody {
  readonly byteLength: number;
  readonly #head: string;
  readonly #tail: string;
  readonly #count: number;
  readonly #spliceAt: (i: number) => Splice;
  readonly #signal: AbortSignal;

  constructor(list: {
    readonly head: string;
    readonly tail: string;
    readonly count: number;
    /** Of all documents. */
    readonly bytes: number;
    /** What it returns for a place is always the same. */
    readonly spliceAt: (i: number) => Splice;
    /** Nobody waits for it any more. */
    readonly signal: AbortSignal;
  }) {
    [this.#head, this.#tail, this.#count, this.#spliceAt] = [list.head, list.tail, list.count, list.spliceAt];
    this.#signal = list.signal;
    this.byteLength = Buffer.byteLength(list.head) + list.bytes + Math.max(0, list.count - 1) + list.tail.length;
  }

  async *pieces(next: () => number): AsyncGenerator<Uint8Array> {
    let head = this.#head;
    let some: Splice[] = [];
    let bytes = 0;
    let size = next();
    const steps = smallSteps();
    for (let i = 0; i < this.#count; i++) {
      const splice = this.#spliceAt(i);
      const pause = steps.goOn(copyingCost(splice.bytes.length));
      if (pause) await pause;
      this.#signal.throwIfAborted();
      if (splice.bytes.length > size) {
        const { begin, rest } = begunSplice(splice);
        yield joinedSplices(head, [...some, begin], '');
        for (let from = 0; from < rest.length; ) {
          const part = rest.subarray(from, from + next());
          from += part.length;
          yield part;
        }
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

const gatheredBytes = 1024 * 1024;

/** All of it at once. */
export async function wholeBody(body: Uint8Array | LongBody): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body;
  const pieces: Uint8Array[] = [];
  for await (const piece of body.pieces(() => gatheredBytes)) pieces.push(piece);
  const [only] = pieces;
  return pieces.length === 1 && only ? only : joinedPieces(pieces);
}
