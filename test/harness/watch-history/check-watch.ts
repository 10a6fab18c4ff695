import { type Form, isSameObject } from './same-object.ts';
import type { At, EventType, TrueEvent, TrueHistory, View } from './true-history.ts';

/** One frame of a watch as it came. */
export type SeenFrame =
  | (At & { readonly type: EventType })
  /** `isEnd`: of the initial events. */
  | { readonly type: 'BOOKMARK'; readonly revision: number; readonly isEnd: boolean };

/** One connection of a watcher, from its first to its last frame. */
export interface WatchSession {
  readonly who: string;
  readonly view: View;
  readonly form: Form;
  readonly start:
    | { readonly after: number }
    /** With what is there first: of `notOlderThan` or later. `isMarked`: a bookmark says where that ends. */
    | { readonly notOlderThan: number; readonly isMarked: boolean }
    /** With what comes after the newest revision there was, which is at least this one. */
    | { readonly afterNewest: number };
  readonly frames: readonly SeenFrame[];
  /** All up to this revision has to have come; absent where it was cut off. */
  readonly until?: number;
}

/** What is wrong with what a watcher was told; undefined where it is the store's history. */
export function checkWatch(history: TrueHistory, session: WatchSession): string | undefined {
  const { start, who } = session;
  const problem = problemOf(history, session, start);
  return problem === undefined ? undefined : `${who}: ${problem}`;
}

function problemOf(history: TrueHistory, session: WatchSession, start: WatchSession['start']): string | undefined {
  if ('after' in start) return checkFrom(history, session, 0, start.after).problem;
  return 'afterNewest' in start ? checkNewest(history, session, start.afterNewest) : checkState(history, session);
}

/** The first event tells after which revision it began. */
function checkNewest(history: TrueHistory, session: WatchSession, least: number): string | undefined {
  const first = session.frames.find(({ type }) => type !== 'BOOKMARK');
  if (!first) return undefined;
  if (first.revision <= least) return `came ${text(first)}, where only what is after ${least} was to come`;
  const before = history.events(session.view).findLast(({ revision }) => revision < first.revision)?.revision ?? 0;
  return checkFrom(history, session, 0, Math.max(least, before)).problem;
}

interface Verdict {
  /** Frames that were right. */
  readonly right: number;
  readonly problem?: string;
}

/** From frame `index` on all that happened after a revision has to follow, and nothing else. */
function checkFrom(history: TrueHistory, session: WatchSession, index: number, after: number): Verdict {
  const { view, form, frames, until } = session;
  const events = history.events(view);
  let next = firstAfter(events, after);
  let known = after;
  for (let i = index; i < frames.length; i++) {
    const frame = frames[i] as SeenFrame;
    const expected = events[next];
    if (frame.type !== 'BOOKMARK') {
      const problem = difference(form, frame, expected);
      if (problem !== undefined) return { right: i, problem: `after ${known} ${problem}` };
      next++;
    } else if (frame.revision < known || frame.revision > Math.max(history.end, after))
      return { right: i, problem: `a bookmark of ${frame.revision} after ${known}, in a history to ${history.end}` };
    else if (expected && expected.revision <= frame.revision)
      return { right: i, problem: `a bookmark of ${frame.revision} before ${text(expected)}` };
    known = frame.revision;
  }
  const missed = events[next];
  if (until !== undefined && missed && missed.revision <= until)
    return { right: frames.length, problem: `after ${known} ${text(missed)} never came` };
  return { right: frames.length };
}

function difference(form: Form, frame: SeenFrame & { type: EventType }, expected: TrueEvent | undefined) {
  const { type, key, revision, object } = frame;
  if (expected?.type !== type || expected.key !== key || expected.revision !== revision)
    return `came ${text(frame)}, not ${expected ? text(expected) : 'nothing'}`;
  return isSameObject(form, object, expected.object) ? undefined : `${text(frame)} shows another object`;
}

/** The state of some revision, not told which unless it is marked, and all that followed. */
function checkState(history: TrueHistory, session: WatchSession): string | undefined {
  const { frames, start } = session;
  if (!('isMarked' in start)) return undefined;
  const end = frames.findIndex((frame) => frame.type === 'BOOKMARK' && frame.isEnd);
  if (start.isMarked && end >= 0) {
    const { revision } = frames[end] as SeenFrame;
    if (revision < start.notOlderThan) return `the state of ${revision} where ${start.notOlderThan} was to be had`;
    return checkStateOf(history, session, revision).problem;
  }
  let best: Verdict = { right: -1, problem: 'a state of no revision' };
  for (const revision of candidates(history, session.view, start.notOlderThan)) {
    const verdict = checkStateOf(history, session, revision);
    if (verdict.problem === undefined) return undefined;
    if (verdict.right > best.right) best = { ...verdict, problem: `as a state of ${revision}: ${verdict.problem}` };
  }
  return best.problem;
}

/** Revisions at which there was something else to see. */
function candidates(history: TrueHistory, view: View, from: number): number[] {
  const events = history.events(view);
  return [from, ...events.slice(firstAfter(events, from)).map(({ revision }) => revision)];
}

function checkStateOf(history: TrueHistory, session: WatchSession, revision: number): Verdict {
  const { frames, form, until, start } = session;
  const state = history.state(session.view, revision);
  for (const [i, item] of state.entries()) {
    const frame = frames[i];
    // Cut off on its way; one that was not has to have it all.
    if (!frame) return until === undefined ? { right: i } : { right: i, problem: `${item.key} never came` };
    if (frame.type === 'BOOKMARK') return { right: i, problem: `a bookmark before ${item.key} of the state` };
    const problem = difference(form, frame, { ...item, type: 'ADDED' });
    if (problem !== undefined) return { right: i, problem };
  }
  const isMarked = 'isMarked' in start && start.isMarked;
  const mark = frames[state.length];
  if (isMarked && mark && !(mark.type === 'BOOKMARK' && mark.isEnd))
    return { right: state.length, problem: `${text(mark)} before the end of the state was told` };
  return checkFrom(history, session, state.length, revision);
}

/** Index of the first event after a revision. */
function firstAfter(events: readonly TrueEvent[], revision: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle] as TrueEvent).revision <= revision) low = middle + 1;
    else high = middle;
  }
  return low;
}

function text(frame: SeenFrame | TrueEvent): string {
  return frame.type === 'BOOKMARK' ? `BOOKMARK ${frame.revision}` : `${frame.type} ${frame.key}@${frame.revision}`;
}
