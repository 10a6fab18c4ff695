import { expect, test } from 'vitest';
import { type Commitment, DiskAccount, PoolLedger } from './pool-ledger.ts';

function ledger(freeBytes: number, options: { limitBytes?: number; overcommit?: number } = {}) {
  const disk = { free: freeBytes };
  const account = new DiskAccount(() => disk.free);
  return { disk, account, ledger: new PoolLedger({ overcommit: 2, ...options, disk: account }) };
}

const claim = (id: string, commitment: Commitment, bytes: number) => ({ id, commitment, bytes });

test('what is promised in full is kept until it is used, and given back', () => {
  const { disk, ledger: pool } = ledger(100);
  expect(pool.reserve(claim('a', 'full', 60))).toBeUndefined();
  expect(pool.available('full')).toBe(40);
  expect(pool.reserve(claim('b', 'full', 41))).toMatchObject({ availableBytes: 40 });
  disk.free = 70;
  pool.measured('a', 30);
  expect(pool.available('full')).toBe(40);
  pool.release(claim('a', 'full', 60));
  expect(pool.available('full')).toBe(70);
});

test('thin volumes are promised up to the over-commit, whatever they use by now', () => {
  const { disk, ledger: pool } = ledger(100, { overcommit: 1.5 });
  expect(pool.available('thin')).toBe(150);
  expect(pool.reserve(claim('a', 'thin', 100))).toBeUndefined();
  expect(pool.available('thin')).toBe(50);
  disk.free = 20;
  pool.measured('a', 80);
  expect(pool.available('thin')).toBe(50);
  expect(pool.reserve(claim('b', 'thin', 51))).toMatchObject({
    availableBytes: 50,
    reason: expect.stringMatching(/20 bytes are free.*100 promised.*over-commit of 1.5.*raise overcommit=/),
  });
  expect(pool.available('full')).toBe(20);
});

test('a limit counts what all volumes were promised, thin ones by the over-commit', () => {
  const { ledger: pool } = ledger(10_000, { limitBytes: 100 });
  pool.add(claim('a', 'none', 30));
  pool.add(claim('b', 'full', 20));
  expect([pool.available('full'), pool.available('none'), pool.available('thin')]).toEqual([50, 50, 100]);
  expect(pool.reserve(claim('c', 'thin', 60))).toBeUndefined();
  expect([pool.available('full'), pool.available('thin')]).toEqual([20, 40]);
  expect(pool.reserve(claim('d', 'none', 21))).toMatchObject({
    availableBytes: 20,
    reason: expect.stringMatching(/limit is 100 bytes, of which 50 are promised in full and 60 thin.*raise limit=/),
  });
});

test('growth takes the difference, and is undone with it', () => {
  const { ledger: pool } = ledger(100);
  pool.reserve(claim('a', 'full', 50));
  pool.measured('a', 10);
  expect(pool.resize(claim('a', 'full', 50), 120)).toMatchObject({ availableBytes: 60 });
  expect(pool.resize(claim('a', 'full', 50), 80)).toBeUndefined();
  expect(pool.available('full')).toBe(30);
  expect(pool.resize(claim('a', 'full', 80), 50)).toBeUndefined();
  expect(pool.available('full')).toBe(60);
});

test('those not measured for longest are measured next', () => {
  const { ledger: pool } = ledger(1000);
  for (const id of ['a', 'b', 'c']) pool.reserve(claim(id, 'thin', 10));
  pool.reserve(claim('d', 'none', 10));
  expect([pool.size, pool.next(2)]).toEqual([3, ['a', 'b']]);
  pool.measured('a', 0);
  pool.measured('gone', 5);
  expect(pool.next(9)).toEqual(['b', 'c', 'a']);
});

test('pools on one filesystem know of each other', () => {
  const { account, ledger: pool } = ledger(100);
  const other = new PoolLedger({ overcommit: 1, disk: account });
  other.reserve(claim('a', 'full', 70));
  expect(pool.available('full')).toBe(30);
});

test('a volume that uses more than it was promised takes nothing from the others twice', () => {
  const { disk, ledger: pool } = ledger(100);
  pool.reserve(claim('a', 'full', 50));
  disk.free = 40;
  pool.measured('a', 60);
  expect(pool.available('full')).toBe(40);
});

test('a limit counts snapshots too, those of thin volumes by the over-commit; the disk is not kept for them', () => {
  const { ledger: pool } = ledger(1000, { limitBytes: 100 });
  expect(pool.reserveSnapshot('none', 40)).toBeUndefined();
  expect(pool.available('full')).toBe(60);
  expect(pool.reserveSnapshot('thin', 40)).toBeUndefined();
  expect(pool.available('thin')).toBe(80);
  expect(pool.available('full')).toBe(40);
  expect(pool.reserveSnapshot('full', 41)).toMatchObject({
    availableBytes: 40,
    reason: expect.stringMatching(/limit is 100 bytes.* 80 are in snapshots; delete volumes or snapshots/),
  });
  pool.addSnapshots('none', -40);
  expect(pool.available('full')).toBe(80);
  expect(pool.onDisk('full')).toBe(1000);
});

test('nothing can be had of a filesystem that is read-only, for as long as it is', () => {
  let isReadOnly = false;
  const disk = new DiskAccount(() => 100);
  const pool = new PoolLedger({ overcommit: 2, disk, isReadOnly: () => isReadOnly });
  pool.reserve(claim('a', 'full', 10));
  isReadOnly = true;
  const refusal = { availableBytes: 0, reason: expect.stringMatching(/mounted read-only.*read-write/) };
  for (const kind of ['full', 'thin', 'none'] as const) {
    expect(pool.available(kind)).toBe(0);
    expect(pool.reserve(claim('b', kind, 1))).toEqual(refusal);
    expect(pool.reserveSnapshot(kind, 1)).toEqual(refusal);
  }
  expect(pool.resize(claim('a', 'full', 10), 20)).toEqual(refusal);
  isReadOnly = false;
  expect(pool.available('full')).toBe(90);
});
