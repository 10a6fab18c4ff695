import { checkList, checkObject, type SeenList, type SeenObject } from './check-read.ts';
import { checkWatch, type SeenFrame, type WatchSession } from './check-watch.ts';
import { checkWrites, Departures, type SeenWrite } from './check-write.ts';
import { KnownRevisions } from './known-revisions.ts';
import type { Form } from './same-object.ts';
import type { At, TrueHistory, View } from './true-history.ts';

/** How new a read was to be: the newest there is, at least or exactly of a revision, or whatever this life of a server has. */
export type Asked =
  | { readonly newest: true }
  | { readonly notOlderThan: number }
  | { readonly exact: number }
  | { readonly anyOf: string };

interface Began {
  readonly who: string;
  readonly startedAt: number;
}

/** A connection of a watcher while it is written down. */
export interface OpenSession extends Began {
  readonly view: View;
  readonly form: Form;
  readonly start:
    | { readonly after: number }
    | { readonly asked: Asked; readonly isMarked: boolean; readonly isBare?: boolean };
  readonly frames: { readonly frame: SeenFrame; readonly at: number }[];
  until?: number;
}

interface Read extends Began {
  readonly endedAt: number;
  readonly form: Form;
  readonly asked: Asked;
}

export interface ListRead extends Read {
  readonly view: View;
  readonly revision: number;
  readonly items: readonly At[];
}

export interface ObjectRead extends Read {
  readonly key: string;
  readonly found: At | undefined;
}

export interface WriteRecord extends Began, Omit<SeenWrite, 'after'> {
  readonly endedAt: number;
}

/** Writes down what clients did and saw. All moments are counted by it, so that no two are the same. */
export class HistoryRecorder {
  #moment = 0;
  readonly sessions: OpenSession[] = [];
  readonly lists: ListRead[] = [];
  readonly objects: ObjectRead[] = [];
  readonly writes: WriteRecord[] = [];
  /** What no answer of a server should be. */
  readonly surprises: string[] = [];

  moment(): number {
    return ++this.#moment;
  }

  /** Whether a connection has told all up to a revision by now; then it is held to it. */
  isWhole(history: TrueHistory, session: OpenSession, until: number): boolean {
    const { start, startedAt, frames, ...rest } = session;
    const from = 'after' in start ? start : startOf(start, 0);
    const seen = { ...rest, start: from, frames: frames.map(({ frame }) => frame), until };
    if (checkWatch(history, seen) !== undefined) return false;
    session.until = until;
    return true;
  }

  /** All that is wrong, in words. */
  problems(history: TrueHistory): string[] {
    const known = new KnownRevisions(this.#heard(history));
    const floors = this.#floorsOfLives();
    const floor = (asked: Asked, moment: number) => {
      if ('newest' in asked) return known.before(moment);
      if ('notOlderThan' in asked) return asked.notOlderThan;
      return 'exact' in asked ? asked.exact : (floors.get(asked.anyOf)?.before(moment) ?? 0);
    };
    const seen = (read: Read) => ({ notOlderThan: floor(read.asked, read.startedAt), isExact: 'exact' in read.asked });
    return [
      ...this.surprises,
      ...checkWrites(
        history,
        this.writes.map((write) => ({ ...write, after: known.before(write.startedAt) })),
      ),
      ...this.lists.flatMap((list) => checkList(history, { ...list, ...seen(list) } satisfies SeenList) ?? []),
      ...this.objects.flatMap((read) => checkObject(history, { ...read, ...seen(read) } satisfies SeenObject) ?? []),
      ...this.sessions.flatMap(({ start, frames, startedAt, ...rest }) => {
        const from = 'after' in start ? start : startOf(start, floor(start.asked, startedAt));
        const session: WatchSession = { ...rest, start: from, frames: frames.map(({ frame }) => frame) };
        return checkWatch(history, session) ?? [];
      }),
    ];
  }

  /** Whatever somebody was told the store had come to. */
  #heard(history: TrueHistory) {
    const departures = new Departures(history);
    return [
      ...this.lists.map(({ endedAt, revision }) => ({ at: endedAt, revision })),
      ...this.objects.map(({ endedAt, found }) => ({ at: endedAt, revision: found?.revision ?? 0 })),
      ...this.sessions.flatMap(({ frames }) => frames.map(({ at, frame }) => ({ at, revision: frame.revision }))),
      ...this.writes.flatMap(({ endedAt: at, outcome }) => {
        if (outcome.is === 'done') return [{ at, revision: outcome.written.revision }];
        if (outcome.is !== 'deleted') return [];
        return outcome.uids.map((uid) => ({ at, revision: departures.of(uid) ?? 0 }));
      }),
    ];
  }

  /** Who takes what a server has never sees it go back. */
  #floorsOfLives(): Map<string, KnownRevisions> {
    const heard = new Map<string, { at: number; revision: number }[]>();
    const add = (asked: Asked, at: number, revision: number) => {
      if (!('anyOf' in asked)) return;
      heard.set(asked.anyOf, [...(heard.get(asked.anyOf) ?? []), { at, revision }]);
    };
    for (const { asked, endedAt, revision } of this.lists) add(asked, endedAt, revision);
    for (const { asked, endedAt, found } of this.objects) add(asked, endedAt, found?.revision ?? 0);
    for (const { start, frames } of this.sessions)
      if ('asked' in start) for (const { at, frame } of frames) add(start.asked, at, frame.revision);
    return new Map([...heard].map(([life, each]) => [life, new KnownRevisions(each)]));
  }
}

function startOf(
  { isMarked, isBare }: Extract<OpenSession['start'], { readonly asked: Asked }>,
  notOlderThan: number,
): WatchSession['start'] {
  return isBare ? { afterNewest: notOlderThan } : { isMarked, notOlderThan };
}
