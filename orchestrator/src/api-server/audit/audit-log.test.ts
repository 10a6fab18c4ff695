import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { openAuditLog } from './audit-log.ts';

function aFolder() {
  const path = mkdtempSync(join(tmpdir(), 'audit-log-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

test('a file that is begun while others are compressed takes none of those that are kept', async () => {
  using folder = aFolder();
  const clock = new FakeClock(Date.UTC(2030, 0, 1));
  const options = { path: join(folder.path, 'audit.log'), maxBytes: 1, maxAgeDays: 0, maxBackups: 2, compress: true };
  const log = openAuditLog({ ...options, clock });
  const old = () => readdirSync(folder.path).filter((name) => name.startsWith('audit-'));
  const begin = async (line: string) => {
    await clock.advance(1000);
    log.deliver([line]);
  };
  // Takes a while to compress.
  const long = randomBytes(8_000_000).toString('hex');
  await begin('first');
  await begin(long);
  await begin('third');
  while (!existsSync(join(folder.path, 'audit-2030-01-01T00-00-03.000.log.gz'))) await setImmediate();
  await begin('fourth');
  await log[Symbol.asyncDispose]();
  expect(old()).toEqual(['audit-2030-01-01T00-00-03.000.log.gz', 'audit-2030-01-01T00-00-04.000.log.gz']);
  const kept = old().map((name) => gunzipSync(readFileSync(join(folder.path, name))).toString());
  expect(kept.map((text) => text.length)).toEqual([long.length, 'third'.length]);
});

test('what a crash left half compressed counts once, and is compressed anew', async () => {
  using folder = aFolder();
  const clock = new FakeClock(Date.UTC(2030, 0, 1));
  const half = join(folder.path, 'audit-2029-12-31T00-00-00.000.log');
  writeFileSync(half, 'whole');
  writeFileSync(`${half}.gz`, 'half');
  const options = { path: join(folder.path, 'audit.log'), maxBytes: 1, maxAgeDays: 0, maxBackups: 2, compress: true };
  const log = openAuditLog({ ...options, clock });
  log.deliver(['first', 'second']);
  await log[Symbol.asyncDispose]();
  expect(readdirSync(folder.path).sort()).toEqual([
    'audit-2029-12-31T00-00-00.000.log.gz',
    'audit-2030-01-01T00-00-00.000.log.gz',
    'audit.log',
  ]);
  expect(gunzipSync(readFileSync(`${half}.gz`)).toString()).toBe('whole');
});
