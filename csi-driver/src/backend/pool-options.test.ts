import { expect, test } from 'vitest';
import { overlap, parsePool, parsePools } from './pool-options.ts';

const GiB = 1024 ** 3;

const read: Record<string, object> = {
  '/var/lib/pool': { name: 'default', named: false, path: '/var/lib/pool', overcommit: 2 },
  '/srv/a=b,c=d': { name: 'default', named: false, path: '/srv/a=b,c=d', overcommit: 2 },
  './pool': { name: 'default', named: false, path: './pool', overcommit: 2 },
  'fast=/mnt/nvme': { name: 'fast', named: true, path: '/mnt/nvme', overcommit: 2 },
  'fast=/mnt/a=b,backend=image|directory,limit=10Gi,overcommit=1.5': {
    name: 'fast',
    named: true,
    path: '/mnt/a=b',
    backends: ['image', 'directory'],
    limitBytes: 10 * GiB,
    overcommit: 1.5,
  },
  'disk=/mnt/disk/pool,mount=/mnt/disk': {
    name: 'disk',
    named: true,
    path: '/mnt/disk/pool',
    overcommit: 2,
    mount: '/mnt/disk',
  },
  '/srv/a,b,mount=required,limit=5000': {
    name: 'default',
    named: false,
    path: '/srv/a,b',
    overcommit: 2,
    mount: 'required',
    limitBytes: 5000,
  },
  'a=/x,limit=5000': { name: 'a', named: true, path: '/x', limitBytes: 5000, overcommit: 2 },
  'a=/x,limit=1.5Gi': { name: 'a', named: true, path: '/x', limitBytes: 1.5 * 1024 ** 3, overcommit: 2 },
};

for (const [text, pool] of Object.entries(read)) {
  test(`--pool ${text} is understood`, () => expect(parsePool(text)).toEqual(pool));
}

const refused = {
  '': 'give a directory',
  '=/x': '1 to 58',
  'fast=': 'directory is missing',
  'Fast=/x': 'small letters',
  '-a=/x': 'letter or digit at both ends',
  [`${'a'.repeat(59)}=/x`]: '1 to 58',
  'a=/x,': 'is no setting',
  'a=/x,limit': 'is no setting',
  'a=/x,limit=0': 'must be bytes',
  'a=/x,limit=-1': 'must be bytes',
  'a=/x,limit=1e': 'must be bytes',
  'a=/x,limit=9999999Ti': 'must be bytes',
  'a=/x,limit=1Gi,limit=2Gi': 'given twice',
  'a=/x,backend=image,backend=image': 'given twice',
  'a=/x,overcommit=0.5': 'from 1',
  'a=/x,overcommit=Infinity': 'from 1',
  'a=/x,size=1Gi': 'unknown',
  'a=/x,mount=yes': 'must be required',
  'a=/x,mount=': 'is no setting',
  '/x,mount=': 'is no setting',
};

for (const [text, why] of Object.entries(refused)) {
  test(`--pool "${text}" is refused`, () => {
    expect(() => parsePool(text)).toThrow(
      expect.objectContaining({ code: 'Usage', message: expect.stringContaining(why) }),
    );
  });
}

test('several pools need a name each, and none twice', () => {
  expect(parsePools(['a=/x', 'b=/y']).map(({ name }) => name)).toEqual(['a', 'b']);
  for (const texts of [[], ['/x', 'b=/y'], ['a=/x', '/y'], ['a=/x', 'a=/y']]) {
    expect(() => parsePools(texts)).toThrow(expect.objectContaining({ code: 'Usage' }));
  }
});

test('pools may not be in one another', () => {
  expect(overlap('/a', '/a')).toBe(true);
  expect(overlap('/a', '/a/b')).toBe(true);
  expect(overlap('/a/b', '/a')).toBe(true);
  expect(overlap('/', '/a')).toBe(true);
  expect(overlap('/a', '/ab')).toBe(false);
});
