import { isSameObject } from './same-object.ts';
import type { At, TrueHistory } from './true-history.ts';

/** What came of a write. Every one carries a word of its own in the annotation {@link wordOf} reads. */
export interface SeenWrite {
  readonly who: string;
  readonly word: string;
  readonly outcome:
    | { readonly is: 'done'; readonly written: At }
    /** Objects that were there before are gone, or are marked to go. */
    | { readonly is: 'deleted'; readonly uids: readonly string[] }
    /** Nothing of it may ever show. */
    | { readonly is: 'refused' }
    | { readonly is: 'unknown' };
  /** The newest revision that was known anywhere when it began. */
  readonly after: number;
}

/** The word of the write that an object was written by. */
function wordOf({ object }: { readonly object: At['object'] | undefined }): string | undefined {
  return object?.metadata.annotations?.['by'];
}

/** Where each object went, or was marked to go. */
export class Departures {
  readonly #byUid = new Map<string, number>();

  constructor(history: TrueHistory) {
    const last = new Map<string, string>();
    for (const { key, revision, object } of history.changes) {
      const uid = object?.metadata.uid ?? last.get(key) ?? '';
      last.set(key, uid);
      if ((!object || object.metadata.deletionTimestamp) && !this.#byUid.has(uid)) this.#byUid.set(uid, revision);
    }
  }

  of(uid: string): number | undefined {
    return this.#byUid.get(uid);
  }
}

/** Holds all writes at once against the history. */
export function checkWrites(history: TrueHistory, writes: readonly SeenWrite[]): string[] {
  const words = new Map(history.changes.map((change) => [wordOf(change), change.revision]));
  const departures = new Departures(history);
  return writes.flatMap(({ who, word, outcome, after }) => {
    const wrong = (problem: string) => [`${who}: ${problem}`];
    if (outcome.is === 'refused')
      return words.has(word) ? wrong(`${word} was refused, and was written at ${words.get(word)}`) : [];
    if (outcome.is === 'deleted')
      return outcome.uids.flatMap((uid) =>
        departures.of(uid) === undefined ? wrong(`${word} deleted ${uid}, which never went`) : [],
      );
    if (outcome.is === 'unknown') return [];
    const { key, revision, object } = outcome.written;
    const change = history.at(revision);
    if (change?.key !== key || !change.object) return wrong(`${word} wrote ${key}@${revision}, which never was`);
    if (!isSameObject('plain', object, change.object)) return wrong(`${word} wrote another ${key}@${revision}`);
    return revision > after ? [] : wrong(`${word} wrote ${key}@${revision} when ${after} had been`);
  });
}
