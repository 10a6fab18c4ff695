import { expect, test } from 'vitest';
import { isLinearizable } from '../harness/linearizability.ts';
import {
  type RegisterInput,
  type RegisterOperation,
  type RegisterOutput,
  registerModel,
  type Seen,
} from '../harness/register-model.ts';

type Line = readonly [from: number, to: number, input: RegisterInput, output: RegisterOutput | 'unknown'];

const history = (...lines: Line[]): RegisterOperation[] =>
  lines.map(([startedAt, endedAt, input, output]) => ({ startedAt, endedAt, input, output }));
const put = (from: number, to: number, expected: number, value: string | undefined, revision: number): Line => [
  from,
  to,
  { op: 'write', expected, value },
  { op: 'write', ok: true, revision },
];
const lost = (from: number, to: number, expected: number, value: string): Line => [
  from,
  to,
  { op: 'write', expected, value },
  'unknown',
];
const get = (from: number, to: number, seen: Seen): Line => [from, to, { op: 'read' }, { op: 'read', seen }];
const at = (value: string, revision: number) => ({ value, revision });

test.each<[string, Line[]]>([
  ['one after the other', [put(0, 1, 0, 'a', 5), get(2, 3, at('a', 5)), put(4, 5, 5, 'b', 6), get(6, 7, at('b', 6))]],
  ['a read during a write that sees the old', [put(0, 1, 0, 'a', 5), put(2, 9, 5, 'b', 6), get(3, 4, at('a', 5))]],
  ['a read during a write that sees the new', [put(0, 1, 0, 'a', 5), put(2, 9, 5, 'b', 6), get(3, 4, at('b', 6))]],
  [
    'an unknown write that was done, late',
    [put(0, 1, 0, 'a', 5), lost(2, 3, 5, 'b'), get(4, 5, at('a', 5)), get(8, 9, at('b', 7))],
  ],
  [
    'an unknown write that was not done',
    [put(0, 1, 0, 'a', 5), lost(2, 3, 5, 'b'), put(4, 5, 5, 'c', 6), get(6, 7, at('c', 6))],
  ],
  [
    'a deletion and another life',
    [put(0, 1, 0, 'a', 5), put(2, 3, 5, undefined, 6), get(4, 5, undefined), put(6, 7, 0, 'b', 9)],
  ],
])('%s has an order', (_, lines) => {
  expect(isLinearizable(registerModel, history(...lines))).toBe(true);
});

test.each<[string, Line[]]>([
  ['a stale read', [put(0, 1, 0, 'a', 5), put(2, 3, 5, 'b', 6), get(4, 5, at('a', 5))]],
  ['a lost acknowledged write', [put(0, 1, 0, 'a', 5), get(2, 3, undefined)]],
  ['two winners of one revision', [put(0, 1, 0, 'a', 5), put(2, 9, 5, 'b', 6), put(2, 9, 5, 'c', 7)]],
  [
    'reads that go back in time',
    [put(0, 1, 0, 'a', 5), put(2, 9, 5, 'b', 6), get(3, 4, at('b', 6)), get(5, 6, at('a', 5))],
  ],
  ['a value that nobody wrote', [put(0, 1, 0, 'a', 5), get(2, 3, at('x', 6))]],
  ['a revision that goes back', [put(0, 1, 0, 'a', 5), put(2, 3, 5, 'b', 4)]],
  [
    'an unknown write that is done twice',
    [put(0, 1, 0, 'a', 5), lost(2, 3, 5, 'b'), get(4, 5, at('b', 6)), put(6, 7, 6, 'c', 7), get(8, 9, at('b', 8))],
  ],
])('%s has none', (_, lines) => {
  expect(isLinearizable(registerModel, history(...lines))).toBe(false);
});
