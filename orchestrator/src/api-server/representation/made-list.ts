import { turns } from '../decoding/turns.ts';
import { writeYaml } from '../decoding/yaml-text.ts';
import { cut, type LongBody } from './long-body.ts';

/** A list in whatever form, whose items, or rows, are its last member. */
export interface ListParts {
  readonly count: number;
  /** A list of some of them, all from one place on and before another. */
  readonly made: (from: number, to: number) => object;
  /** What making one takes, in units of {@link turns}. */
  readonly costAt: (i: number) => number;
  /** How long one is before, of which what is made of it is not much more. */
  readonly bytesAt: (i: number) => number;
  /** What is behind its last character. */
  readonly end: string;
  /** Nobody waits for it any more. */
  readonly signal: AbortSignal;
}

/** The list in parts of no more than a turn has room for, or `next` says. */
async function* partsOf(list: ListParts, next: () => number): AsyncGenerator<object> {
  const { count, made, costAt, bytesAt, signal } = list;
  let from = 0;
  let [bytes, most] = [0, next()];
  for (let i = 0; i < count; i++) {
    const pause = turns.goOn(costAt(i));
    // Before the first there is nothing to write yet, be it as large as it is.
    if (i > from && (pause || bytes >= most)) {
      yield made(from, i);
      [from, bytes, most] = [i, 0, next()];
    }
    if (pause) await pause;
    signal.throwIfAborted();
    bytes += bytesAt(i);
  }
  yield made(from, count);
}

/** Such a list as JSON, in pieces of its text but for its end. */
async function* textsOf(list: ListParts, next: () => number): AsyncGenerator<string> {
  let first = true;
  for await (const part of partsOf(list, next)) {
    yield first ? beginningOf(part, list.count) : `,${itemsJson(part)}`;
    first = false;
  }
}

function endOf({ count, end }: ListParts): string {
  return count > 0 ? `]}${end}` : end;
}

const heldAtOnce = 1024 * 1024;

/** A list that is made for who asks, as JSON, held whole. */
export async function madeText(list: ListParts): Promise<string> {
  let text = '';
  for await (const more of textsOf(list, () => heldAtOnce)) text += more;
  return text + endOf(list);
}

/** A list that is made for who asks, as JSON; how long it is shows at its end. */
export class MadeList implements LongBody {
  readonly byteLength = undefined;
  readonly #list: ListParts;

  constructor(list: ListParts) {
    this.#list = list;
  }

  async *pieces(next: () => number): AsyncGenerator<Uint8Array> {
    for await (const text of textsOf(this.#list, next)) yield* cut(Buffer.from(text), next);
    yield Buffer.from(endOf(this.#list));
  }
}

/** A list's text but for its end, where there are items, more of which may follow. */
function beginningOf(part: object, count: number): string {
  const text = JSON.stringify(part);
  return count > 0 ? text.slice(0, -2) : text;
}

function itemsJson(part: object): string {
  return JSON.stringify(Object.values(part).at(-1)).slice(1, -1);
}

/** A thread is begun for each, and writes it in half a second. */
const writtenAtOnce = 1024 * 1024;

/** The same as YAML. */
export class MadeYaml implements LongBody {
  readonly byteLength = undefined;
  readonly #list: ListParts;

  constructor(list: ListParts) {
    this.#list = list;
  }

  async *pieces(next: () => number): AsyncGenerator<Uint8Array> {
    const { count, made, signal } = this.#list;
    if (count === 0) {
      yield Buffer.from(await writeYaml(JSON.stringify(made(0, 0)), signal));
      return;
    }
    const { head, tail } = await yamlAround(made(0, 1), signal);
    yield Buffer.from(head);
    let items: string[] = [];
    let length = 0;
    const written = async () => Buffer.from(await writeYaml(`[${items.join(',')}]`, signal));
    for await (const part of partsOf(this.#list, () => writtenAtOnce)) {
      const more = itemsJson(part);
      items.push(more);
      length += more.length;
      if (length < writtenAtOnce) continue;
      yield* cut(await written(), next);
      [items, length] = [[], 0];
    }
    if (items.length > 0) yield* cut(await written(), next);
    yield Buffer.from(tail);
  }
}

/** What is before and behind a list's items, which stand as far left as one by themselves. */
async function yamlAround(
  list: object,
  signal: AbortSignal,
): Promise<{ readonly head: string; readonly tail: string }> {
  const name = Object.keys(list).at(-1) as string;
  const text = await writeYaml(JSON.stringify({ ...list, [name]: [] }), signal);
  const [before = '', behind = ''] = text.split(new RegExp(`^${name}: \\[\\]\n`, 'm'));
  return { head: `${before}${name}:\n`, tail: behind };
}
