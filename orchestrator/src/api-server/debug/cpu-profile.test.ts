import { expect, test } from 'vitest';
import { cpuProfile } from './cpu-profile.ts';
import { heapProfile } from './heap-profile.ts';

type Field = readonly [id: number, value: number | Buffer];

/** Reads integers one after the other. */
class Integers {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  next(): number {
    let value = 0;
    for (let factor = 1; this.at < this.bytes.length; factor *= 128) {
      const byte = this.bytes[this.at++] as number;
      value += (byte & 127) * factor;
      if (byte < 128) break;
    }
    return value;
  }

  all(): number[] {
    const values: number[] = [];
    while (this.at < this.bytes.length) values.push(this.next());
    return values;
  }
}

/** What a message says: integers, and bytes. */
function fieldsOf(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  const integers = new Integers(bytes);
  while (integers.at < bytes.length) {
    const tag = integers.next();
    const value = integers.next();
    if (tag % 8 === 2) integers.at += value;
    fields.push([tag >> 3, tag % 8 === 2 ? Buffer.from(bytes.subarray(integers.at - value, integers.at)) : value]);
  }
  return fields;
}

/** What `go tool pprof -raw` shows: kinds of values, and each stack with its values. */
function read(profile: Uint8Array) {
  const fields = fieldsOf(profile);
  const all = (id: number) => fields.filter(([each]) => each === id).map(([, value]) => value as Buffer);
  const one = (message: Buffer, id: number) => fieldsOf(message).find(([each]) => each === id)?.[1];
  const strings = all(6).map(String);
  const named = (id: number, wanted: unknown) => all(id).find((each) => one(each, 1) === wanted) as Buffer;
  const place = (location: number) => {
    const line = one(named(4, location), 4) as Buffer;
    const called = named(5, one(line, 1));
    return `${strings[one(called, 2) as number]} ${strings[one(called, 4) as number]}:${one(line, 2)}`;
  };
  const integers = (sample: Buffer, id: number) => new Integers(one(sample, id) as Buffer).all();
  const samples = all(2).map((sample) => [...integers(sample, 1).map(place), integers(sample, 2).join(' ')]);
  return { types: all(1).map((type) => strings[one(type, 1) as number]), samples };
}

const frame = (functionName: string, lineNumber = 0) => ({
  functionName,
  lineNumber,
  url: 'file:///x.js',
  scriptId: '1',
  columnNumber: 0,
});

test('a profile of V8 says in pprof’s form where the CPU was, and nothing of its rest', () => {
  const node = (id: number, name: string, children: number[]) => ({ id, callFrame: frame(name, id), children });
  const nodes = [
    node(1, '(root)', [2, 5]),
    node(2, 'outer', [3, 4]),
    node(3, 'inner', []),
    node(4, '', []),
    node(5, '(idle)', []),
  ];
  const profile = { nodes, startTime: 0, endTime: 9, samples: [3, 5, 3, 4], timeDeltas: [0, 2, 3, 4] };
  expect(read(cpuProfile(profile))).toEqual({
    types: ['samples', 'cpu'],
    samples: [
      ['inner /x.js:4', 'outer /x.js:3', '2 6000'],
      ['(anonymous) /x.js:5', 'outer /x.js:3', '1 0'],
    ],
  });
});

test('a profile of its memory has the bytes of each stack', () => {
  const inner = { callFrame: frame('inner', 6), selfSize: 100, children: [] };
  const head = {
    callFrame: frame('(root)'),
    selfSize: 0,
    children: [{ callFrame: frame('outer', 2), selfSize: 0, children: [inner] }],
  };
  expect(read(heapProfile({ head }, 'inuse'))).toEqual({
    types: ['inuse_space'],
    samples: [['inner /x.js:7', 'outer /x.js:3', '100']],
  });
});
