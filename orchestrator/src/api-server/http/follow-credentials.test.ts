import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock, silentLogger } from '@berth/kit';
import { expect, test } from 'vitest';
import { anAuthority } from '../../../../test/harness/api-server.ts';
import { followCredentials } from './follow-credentials.ts';
import type { Credentials, Listener } from './listener.ts';

/** A listener's files, whose authorities are told to others by `publish`. */
async function aListener(publish: (clientCa: string) => Promise<void>) {
  const authority = await anAuthority('CN=first');
  const folder = mkdtempSync(join(tmpdir(), 'berth-followed-'));
  const files = { cert: join(folder, 'server.crt'), key: join(folder, 'server.key'), clientCa: join(folder, 'ca.crt') };
  const put = (credentials: Partial<Credentials>) => {
    for (const [part, text] of Object.entries(credentials)) writeFileSync(files[part as keyof Credentials], text);
  };
  const first = { ...(await authority.issue('CN=first', 'server')), clientCa: authority.cert };
  put(first);
  const renewed: Credentials[] = [];
  const listener = { renew: (credentials: Credentials) => void renewed.push(credentials) } as unknown as Listener;
  const end = new AbortController();
  const options = { address: '', port: 0, ...first, files };
  const parts = { listener, options, frontProxy: undefined, publish, clock: new FakeClock(), log: silentLogger };
  followCredentials(parts, end.signal);
  return {
    renewed,
    put,
    [Symbol.dispose]() {
      end.abort();
      rmSync(folder, { recursive: true });
    },
  };
}

test('a certificate that changes while others are told of authorities does not bring the old ones back', async () => {
  const told: string[] = [];
  using there = await aListener((ca) => {
    told.push(ca);
    return new Promise(() => undefined);
  });
  const others = await anAuthority('CN=others');
  there.put({ clientCa: others.cert });
  await expect.poll(() => told).toEqual([others.cert]);
  const pair = await others.issue('CN=next', 'server');
  there.put(pair);
  await expect.poll(() => there.renewed.at(-1)?.cert).toBe(pair.cert);
  expect(there.renewed.at(-1)).toMatchObject({ clientCa: others.cert });
});

test('authorities that could not be told of are told at the next look', async () => {
  const told: string[] = [];
  using there = await aListener(async (ca) => {
    if (told.push(ca) === 1) throw new Error('the store is gone');
  });
  const others = await anAuthority('CN=others');
  there.put({ clientCa: others.cert });
  await expect.poll(() => told[0]).toBe(others.cert);
  there.put({ clientCa: others.cert });
  await expect.poll(() => told[1]).toBe(others.cert);
});
