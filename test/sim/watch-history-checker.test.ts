import type { KubeObject } from '@berth/kube';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkList, checkObject } from '../harness/watch-history/check-read.ts';
import { checkWatch, type SeenFrame, type WatchSession } from '../harness/watch-history/check-watch.ts';
import { checkWrites, type SeenWrite } from '../harness/watch-history/check-write.ts';
import { KnownRevisions } from '../harness/watch-history/known-revisions.ts';
import { type TrueChange, TrueHistory, type View } from '../harness/watch-history/true-history.ts';

const anObject = (name: string, tier: string, by: string): KubeObject => ({
  kind: 'ConfigMap',
  apiVersion: 'v1',
  metadata: { name, namespace: 'a', uid: `uid-${name}`, labels: { tier }, annotations: { by } },
});
const all: View = { prefix: 'configmaps/', matches: () => true };
const ofX: View = { prefix: 'configmaps/', matches: ({ metadata }) => metadata.labels?.['tier'] === 'x' };

type Line = readonly [revision: number, name: string, tier?: string];
const changeOf = ([revision, name, tier]: Line): TrueChange => ({
  revision,
  key: `configmaps/a/${name}`,
  object: tier === undefined ? undefined : anObject(name, tier, `r${revision}`),
});
const historyOf = (...lines: Line[]) => new TrueHistory(lines.map(changeOf));
const frame = (type: 'ADDED' | 'MODIFIED' | 'DELETED', name: string, revision: number, by = revision, tier = 'x') =>
  ({ type, key: `configmaps/a/${name}`, revision, object: anObject(name, tier, `r${by}`) }) as SeenFrame;
const mark = (revision: number, isEnd = false): SeenFrame => ({ type: 'BOOKMARK', revision, isEnd });

/** m comes into view, changes, leaves it, comes back and goes; n is there all the time, o never is in it. */
const moves = historyOf(
  [2, 'n', 'x'],
  [3, 'm', 'x'],
  [5, 'm', 'x'],
  [6, 'o', 'y'],
  [7, 'm', 'y'],
  [8, 'm', 'x'],
  [9, 'm'],
);
const ofMoves = [
  frame('ADDED', 'n', 2),
  frame('ADDED', 'm', 3),
  frame('MODIFIED', 'm', 5),
  frame('DELETED', 'm', 7, 5),
  frame('ADDED', 'm', 8),
  frame('DELETED', 'm', 9, 8),
];
const session = (frames: readonly SeenFrame[], more: Partial<WatchSession> = {}): WatchSession => ({
  who: 'w',
  view: ofX,
  form: 'full',
  start: { after: 0 },
  frames,
  until: 9,
  ...more,
});
const fromState = (notOlderThan: number, isMarked = false) => ({ start: { notOlderThan, isMarked } });

test.each<[string, WatchSession]>([
  ['all from the beginning', session(ofMoves)],
  ['from a revision', session(ofMoves.slice(3), { start: { after: 6 } })],
  ['cut off on its way', { ...session(ofMoves.slice(0, 3)), until: 5 }],
  ['with bookmarks between', session([...ofMoves.slice(0, 3), mark(6), ...ofMoves.slice(3), mark(9)])],
  [
    'the state of some revision',
    session([frame('ADDED', 'm', 5), frame('ADDED', 'n', 2), ...ofMoves.slice(3)], fromState(0)),
  ],
  [
    'the state of a revision that is told',
    session([frame('ADDED', 'n', 2), mark(7, true), ...ofMoves.slice(4)], fromState(0, true)),
  ],
  ['what came after the newest there was', session(ofMoves.slice(4), { start: { afterNewest: 6 } })],
  ['nothing after the newest there was', session([mark(9)], { start: { afterNewest: 9 } })],
  ['the state at the end', session([frame('ADDED', 'n', 2)], fromState(9))],
])('a watch is right: %s', (_, right) => {
  expect(checkWatch(moves, right)).toBeUndefined();
});

test.each<[string, WatchSession, string]>([
  [
    'an event is missed',
    session(ofMoves.toSpliced(2, 1)),
    'came DELETED configmaps/a/m@7, not MODIFIED configmaps/a/m@5',
  ],
  ['the last is missed', session(ofMoves.slice(0, -1)), 'DELETED configmaps/a/m@9 never came'],
  ['an event comes twice', session(ofMoves.toSpliced(2, 0, ofMoves[1]!)), 'came ADDED configmaps/a/m@3'],
  ['the order is another', session([ofMoves[1]!, ofMoves[0]!, ...ofMoves.slice(2)]), 'came ADDED configmaps/a/m@3'],
  ['leaving is told as a change', session(ofMoves.with(3, frame('MODIFIED', 'm', 7, 7, 'y'))), 'came MODIFIED'],
  [
    'leaving is told with what is out of view',
    session(ofMoves.with(3, frame('DELETED', 'm', 7, 7, 'y'))),
    'shows another object',
  ],
  [
    'leaving is told at the revision before',
    session(ofMoves.with(3, frame('DELETED', 'm', 5))),
    'came DELETED configmaps/a/m@5',
  ],
  ['coming is told as a change', session(ofMoves.with(4, frame('MODIFIED', 'm', 8))), 'came MODIFIED'],
  [
    'what is out of view shows',
    session(ofMoves.toSpliced(3, 0, frame('ADDED', 'o', 6, 6, 'y'))),
    'came ADDED configmaps/a/o@6',
  ],
  ['a bookmark comes too early', session([mark(3), ...ofMoves]), 'a bookmark of 3 before ADDED configmaps/a/n@2'],
  ['a bookmark goes back', session([...ofMoves, mark(8)]), 'a bookmark of 8 after 9'],
  ['a bookmark is of what never was', session([...ofMoves, mark(12)]), 'a bookmark of 12 after 9'],
  [
    'what was there before comes',
    session(ofMoves.slice(3), { start: { afterNewest: 7 } }),
    'where only what is after 7',
  ],
  [
    'one is missed after a bookmark',
    session([mark(5), ...ofMoves.slice(4)], { start: { afterNewest: 5 } }),
    'a bookmark of 5 after 7',
  ],
  ['a state lacks an object', session([frame('ADDED', 'm', 5), ...ofMoves.slice(3)], fromState(0)), 'as a state of'],
  [
    'a state is too old',
    session([frame('ADDED', 'm', 3), frame('ADDED', 'n', 2), ...ofMoves.slice(2)], fromState(6)),
    'as a state of',
  ],
  [
    'a told state is too old',
    session([frame('ADDED', 'n', 2), mark(2, true)], fromState(4, true)),
    'the state of 2 where 4 was',
  ],
  [
    'a state is of two revisions',
    session([frame('ADDED', 'm', 3), frame('ADDED', 'n', 2), mark(5, true)], fromState(0, true)),
    'came ADDED configmaps/a/m@3',
  ],
  [
    'a state is never ended',
    session([frame('ADDED', 'n', 2), ...ofMoves.slice(4)], fromState(7, true)),
    'before the end of the state',
  ],
])('a watch is wrong where %s', (_, wrong, words) => {
  expect(checkWatch(moves, wrong)).toContain(words);
});

const lines = fc
  .array(
    fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      tier: fc.constantFrom('x', 'y', undefined),
      gap: fc.integer({ min: 1, max: 3 }),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((steps) => {
    const there = new Set<string>();
    let revision = 0;
    return steps.flatMap(({ name, tier, gap }): Line[] => {
      if (tier === undefined && !there.has(name)) return [];
      revision += gap;
      if (tier === undefined) there.delete(name);
      else there.add(name);
      return [tier === undefined ? [revision, name] : [revision, name, tier]];
    });
  });

/** What a watcher of tier x is told after a revision: said again, in the simplest way. */
function told(changes: readonly Line[], after: number): SeenFrame[] {
  return changes.flatMap(([revision, name, tier], i): SeenFrame[] => {
    const [before = 0, , was] = changes.slice(0, i).findLast(([, other]) => other === name) ?? [];
    if (revision <= after) return [];
    if (tier === 'x') return [frame(was === 'x' ? 'MODIFIED' : 'ADDED', name, revision)];
    return was === 'x' ? [frame('DELETED', name, revision, before)] : [];
  });
}

test('every watch of a random history is right, and wrong with any one frame missed, told twice, moved or changed', () => {
  fc.assert(
    fc.property(lines, fc.nat(), fc.nat(), (changes, start, place) => {
      const history = historyOf(...changes);
      const after = history.newest === 0 ? 0 : start % (history.newest + 1);
      const frames = told(changes, after);
      const check = (seen: readonly SeenFrame[]) =>
        checkWatch(history, session(seen, { start: { after }, until: history.newest }));
      expect(check(frames)).toBeUndefined();
      if (frames.length === 0) return;
      const at = place % frames.length;
      const one = frames[at] as Exclude<SeenFrame, { type: 'BOOKMARK' }>;
      const wrong = [
        frames.toSpliced(at, 1),
        frames.toSpliced(at, 0, one),
        frames.with(at, { ...one, type: one.type === 'ADDED' ? 'MODIFIED' : 'ADDED' }),
        frames.with(at, { ...one, revision: one.revision + 1 }),
        frames.with(at, { ...one, object: anObject('other', 'x', 'nobody') }),
        frames.toSpliced(at, 0, mark(one.revision)),
        frames.toSpliced(at + 1, 0, mark(one.revision - 1)),
        ...(at > 0 ? [frames.with(at, frames[at - 1]!).with(at - 1, one)] : []),
      ];
      for (const seen of wrong) expect(check(seen)).toBeDefined();
    }),
    { numRuns: 300 },
  );
});

test('every state of a random history is right as of its revision, and wrong with one object left out', () => {
  fc.assert(
    fc.property(lines, fc.nat(), fc.nat(), (changes, start, place) => {
      const history = historyOf(...changes);
      const revision = history.newest === 0 ? 0 : start % (history.newest + 1);
      const items = history.state(ofX, revision);
      const state = items.map((item): SeenFrame => ({ ...item, type: 'ADDED' }));
      for (const isMarked of [true, false]) {
        const check = (seen: readonly SeenFrame[]) => {
          const marked = isMarked ? [...seen, mark(revision, true)] : seen;
          const frames = [...marked, ...told(changes, revision)];
          return checkWatch(
            history,
            session(frames, { start: { notOlderThan: revision, isMarked }, until: history.newest }),
          );
        };
        expect(check(state)).toBeUndefined();
        if (state.length > 0) expect(check(state.toSpliced(place % state.length, 1))).toBeDefined();
      }
      const list = { who: 'r', view: ofX, form: 'full', revision, items, notOlderThan: 0, isExact: false } as const;
      expect(checkList(history, list)).toBeUndefined();
      if (items.length > 0)
        expect(checkList(history, { ...list, items: items.toSpliced(place % items.length, 1) })).toBeDefined();
    }),
    { numRuns: 300 },
  );
});

test('a list is of the revision that was asked for, or a later one, and an object no older than was asked for', () => {
  const list = {
    who: 'r',
    view: all,
    form: 'full',
    revision: 5,
    items: moves.state(all, 5),
    notOlderThan: 5,
    isExact: false,
  } as const;
  expect(checkList(moves, list)).toBeUndefined();
  expect(checkList(moves, { ...list, notOlderThan: 6 })).toContain('a list of 5, where 6 was to be had');
  expect(checkList(moves, { ...list, notOlderThan: 4, isExact: true })).toContain('a list of 5, where 4');
  expect(checkList(moves, { ...list, revision: 7 })).toContain('configmaps/a/m@5, not configmaps/a/m@7');
  const key = 'configmaps/a/m';
  const at = (revision: number, by = revision) => ({ key, revision, object: anObject('m', 'x', `r${by}`) });
  const read = (found: ReturnType<typeof at> | undefined, notOlderThan: number) =>
    checkObject(moves, { who: 'r', form: 'full', key, found, notOlderThan });
  for (const [found, since] of [
    [at(5), 5],
    [at(5), 6],
    [at(8), 3],
    [undefined, 2],
    [undefined, 5],
    [undefined, 9],
  ] as const)
    expect(read(found, since)).toBeUndefined();
  expect(read(at(5), 7)).toContain('it had changed at 7');
  expect(read(at(4), 4)).toContain('never was');
  expect(read(at(8, 5), 8)).toContain('another');
  const stays = historyOf([3, 'm', 'x']);
  expect(checkObject(stays, { who: 'r', form: 'full', key, found: undefined, notOlderThan: 3 })).toContain(
    'was not found',
  );
});

test('a write is in the history as it was acknowledged, and a refused one is not', () => {
  const write = (outcome: SeenWrite['outcome'], word = 'r5', after = 4) =>
    checkWrites(moves, [{ who: 'w', word, outcome, after }]);
  const written = { key: 'configmaps/a/m', revision: 5, object: anObject('m', 'x', 'r5') };
  expect(write({ is: 'done', written })).toEqual([]);
  expect(write({ is: 'done', written: { ...written, revision: 4 } })).toEqual([
    'w: r5 wrote configmaps/a/m@4, which never was',
  ]);
  expect(write({ is: 'done', written: { ...written, object: anObject('m', 'x', 'r4') } })).toEqual([
    'w: r5 wrote another configmaps/a/m@5',
  ]);
  expect(write({ is: 'done', written }, 'r5', 6)).toEqual(['w: r5 wrote configmaps/a/m@5 when 6 had been']);
  expect(write({ is: 'refused' })).toEqual(['w: r5 was refused, and was written at 5']);
  expect(write({ is: 'refused' }, 'nobody')).toEqual([]);
  expect(write({ is: 'unknown' })).toEqual([]);
  expect(write({ is: 'deleted', uids: ['uid-m'] })).toEqual([]);
  expect(write({ is: 'deleted', uids: ['uid-n'] }, 'gone')).toEqual(['w: gone deleted uid-n, which never went']);
});

test('what was heard of before a moment was known at it', () => {
  const known = new KnownRevisions([
    { at: 5, revision: 9 },
    { at: 2, revision: 4 },
    { at: 7, revision: 6 },
  ]);
  expect([1, 2, 3, 5, 6, 8].map((moment) => known.before(moment))).toEqual([0, 0, 4, 4, 9, 9]);
});
