import { createHash } from 'node:crypto';
import { turns } from '../decoding/turns.ts';

/** In units of {@link turns}, for each byte: it is made, written and hashed. */
const unitsPerByte = 1;

export interface MadeDocument {
  readonly body: Uint8Array;
  /** Of the body, as kube-openapi writes it. */
  readonly hash: string;
}

/** Puts a document together in turns of the event loop: of all definitions together it is as large as their authors like. */
export async function madeDocument(pieces: Iterable<string | Uint8Array>): Promise<MadeDocument> {
  const hash = createHash('sha512');
  const made: Uint8Array[] = [];
  for (const each of pieces) {
    const piece = typeof each === 'string' ? Buffer.from(each) : each;
    hash.update(piece);
    made.push(piece);
    const pause = turns.goOn(piece.length * unitsPerByte);
    if (pause) await pause;
  }
  return { body: Buffer.concat(made), hash: hash.digest('hex').toUpperCase() };
}

/** Of two members of one name the first counts. */
export function* firstOfName<T>(entries: Iterable<readonly [name: string, value: T]>): Generator<readonly [string, T]> {
  const names = new Set<string>();
  for (const entry of entries) {
    if (names.has(entry[0])) continue;
    names.add(entry[0]);
    yield entry;
  }
}

/** The members of an object as JSON, with commas between them; of two of one name the first counts. */
export function* membersOf(entries: Iterable<readonly [name: string, value: unknown]>): Generator<string> {
  let first = true;
  for (const [name, value] of firstOfName(entries)) {
    yield `${first ? '' : ','}${JSON.stringify(name)}:${JSON.stringify(value)}`;
    first = false;
  }
}
