import { expect, test } from 'vitest';
import { type Codec, decode, encode, isAsWritten, type Recorded, type Row } from './record-codec.ts';

interface Thing extends Recorded {
  readonly size: number;
  readonly colour?: string;
}

const columns = { id: 'id', name: 'name', state: 'state', size: 'size_bytes' } as const;
const first: Codec<Thing> = { table: 'things', what: 'thing', columns, upgrades: [] };
/** The second version says colour where the first said color; the third knows only two. */
const third: Codec<Thing> = {
  ...first,
  upgrades: [
    ({ color, ...details }) => ({ ...details, colour: color }),
    (details) => ({ ...details, colour: details['colour'] === 'red' ? 'red' : 'blue' }),
  ],
};

const record = { id: 'i', name: 'n', state: 'ready' as const, size: 5 };

function rowOf(values: readonly (string | number)[]): Row {
  const names = [...Object.values(columns), 'details', 'checksum'];
  return { sequence: 7, ...Object.fromEntries(names.map((name, index) => [name, values[index]])) } as unknown as Row;
}

test('a record is what it was after a row, with its own fields in details', () => {
  const values = encode(first, { ...record, colour: 'red' });
  expect(values.slice(0, 5)).toEqual(['i', 'n', 'ready', 5, '{"colour":"red"}']);
  expect(decode(first, rowOf(values))).toEqual({ ...record, sequence: 7, colour: 'red' });
  expect(isAsWritten([...values])).toBe(true);
  expect(isAsWritten(values.with(3, 6))).toBe(false);
});

test('records of older versions are brought to the one of now, step by step', () => {
  const old = encode(first, { ...record, color: 'green' } as never);
  expect(decode(third, rowOf(old))).toEqual({ ...record, sequence: 7, colour: 'blue' });
  const now = encode(third, { ...record, colour: 'red' });
  expect(JSON.parse(String(now[4]))).toEqual({ colour: 'red', version: 3 });
  expect(decode(third, rowOf(now))).toEqual({ ...record, sequence: 7, colour: 'red' });
});

test('a record of a newer version is not misread, and a changed one is damaged', () => {
  const values = encode(third, record);
  expect(decode(first, rowOf(values))).toBe('newer');
  for (const [at, value] of [
    ['0', 'j'],
    ['2', 'deleting'],
    ['3', 6],
    ['4', '{}'],
  ] as const) {
    expect(decode(third, rowOf(values.with(Number(at), value)))).toBe('damaged');
  }
});
