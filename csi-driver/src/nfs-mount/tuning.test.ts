import { expect, test } from 'vitest';
import { tuningOf } from './tuning.ts';

test('without options a mount is hard and caches as nfs(5) says', () => {
  const tuning = tuningOf([]);
  expect(tuning.timeoutMs).toBeGreaterThan(7 * 24 * 3600 * 1000);
  expect(tuning.timeoutMs).toBeLessThan(2 ** 31);
  expect(tuning).toMatchObject({
    timedOut: 'EIO',
    files: { minMs: 3000, maxMs: 60_000 },
    directories: { minMs: 30_000, maxMs: 60_000 },
    absentMs: 3000,
    lookupCache: true,
    maxReadBytes: 1 << 20,
    maxWriteBytes: 1 << 20,
  });
});

test('soft mounts give up after timeo, repeated retrans times', () => {
  expect(tuningOf(['soft'])).toMatchObject({ timeoutMs: 180_000, timedOut: 'EIO' });
  expect(tuningOf(['softerr', 'timeo=20', 'retrans=1'])).toMatchObject({ timeoutMs: 4000, timedOut: 'ETIMEDOUT' });
  expect(tuningOf(['soft', 'timeo=0']).timeoutMs).toBe(100);
});

test('caching follows noac, actimeo, ac* and lookupcache', () => {
  expect(tuningOf(['noac'])).toMatchObject({ files: { minMs: 0, maxMs: 0 }, directories: { minMs: 0, maxMs: 0 } });
  expect(tuningOf(['actimeo=5']).directories).toEqual({ minMs: 5000, maxMs: 5000 });
  expect(tuningOf(['acregmin=90']).files).toEqual({ minMs: 60_000, maxMs: 60_000 });
  expect(tuningOf(['lookupcache=pos'])).toMatchObject({ absentMs: 0, lookupCache: true });
  expect(tuningOf(['lookupcache=none'])).toMatchObject({ absentMs: 0, lookupCache: false });
});

test('sizes are whole pages of a megabyte at most', () => {
  expect(tuningOf(['rsize=0', 'wsize=5000'])).toMatchObject({ maxReadBytes: 1 << 20, maxWriteBytes: 4096 });
  expect(tuningOf(['rsize=999999999', 'wsize=1'])).toMatchObject({ maxReadBytes: 1 << 20, maxWriteBytes: 4096 });
});
