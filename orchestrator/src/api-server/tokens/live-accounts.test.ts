import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import type { TokenAuthenticator } from '../http/authenticate.ts';
import { ComponentMetrics } from '../metrics/component-metrics.ts';
import type { ServerContext } from '../server-context.ts';
import { legacyUser } from './legacy-tokens.ts';
import { liveAccounts } from './live-accounts.ts';
import type { TokenIssuer } from './token-issuer.ts';

const binding = { namespace: 'n', serviceAccount: { name: 'a', uid: 'a-1' }, pod: { name: 'p', uid: 'p-1' } };

/** A server whose cache has other objects (uids by kind) than the store itself, and which of the two was asked for what. */
function aServer(cached: Record<string, string>, newest: Record<string, string>, deletionTimestamp?: string) {
  const asked: string[] = [];
  const storageOf = (_group: string, plural: string) => ({
    find: async (_namespace: string, _name: string, notOlderThan?: number) => {
      asked.push(`${plural} ${notOlderThan === 0 ? 'at hand' : 'newest'}`);
      const uid = (notOlderThan === 0 ? cached : newest)[plural];
      return uid && { object: { metadata: { uid, deletionTimestamp } } };
    },
  });
  const user = { name: 'system:serviceaccount:n:a', uid: 'a-1', groups: [] };
  const tokens = { issuer: 'x', audiences: ['x'], review: async () => ({ user, audiences: ['x'], binding }) };
  const clock = new FakeClock(Date.parse('2026-01-01T12:00:00Z'));
  const live = liveAccounts(
    { storageOf, clock, metrics: new ComponentMetrics() } as unknown as ServerContext,
    tokens as unknown as TokenIssuer & TokenAuthenticator,
  );
  const refusals: string[] = [];
  const isTaken = async () => (await live.authenticate('token', (why) => refusals.push(why))) !== undefined;
  return { asked, refusals, isTaken };
}

const all = { serviceaccounts: 'a-1', pods: 'p-1' };

test('what a token stands on is looked for at hand: no request waits for the store', async () => {
  const { asked, isTaken } = aServer(all, {});
  expect(await isTaken()).toBe(true);
  expect(asked).toEqual(['serviceaccounts at hand', 'pods at hand']);
});

test('what is not at hand yet, or is another there, is looked for in the store', async () => {
  const { asked, isTaken } = aServer({ pods: 'p-0' }, all);
  expect(await isTaken()).toBe(true);
  expect(asked).toEqual(['serviceaccounts at hand', 'serviceaccounts newest', 'pods at hand', 'pods newest']);
});

test.each([
  ['gone', { serviceaccounts: 'a-1' }],
  ['another of its name', { serviceaccounts: 'a-1', pods: 'p-2' }],
])('a token ends with its pod: %s', async (_, there) => {
  expect(await aServer(there, there).isTaken()).toBe(false);
});

test('a token ends a minute behind the end of what finalizers still hold (pkg/serviceaccount claims.go)', async () => {
  expect(await aServer(all, all, '2026-01-01T11:59:00Z').isTaken()).toBe(true);
  const { isTaken, refusals } = aServer(all, all, '2026-01-01T11:58:59Z');
  expect([await isTaken(), refusals]).toEqual([false, ['service account n/a has been deleted']]);
});

test.each([
  ['at hand', true, ['secrets at hand', 'serviceaccounts at hand']],
  ['in the store alone', false, ['secrets at hand', 'secrets newest', 'serviceaccounts newest']],
])('the secret of an old token, and its account, are looked for at hand first: %s', async (_, isAtHand, expected) => {
  const asked: string[] = [];
  // That it was used today stands there already: nothing is written.
  const labels = { 'kubernetes.io/legacy-token-last-used': '2026-01-01' };
  const data = { token: Buffer.from('token').toString('base64') };
  const object = { metadata: { uid: 'a-1', labels }, data };
  const storageOf = (_group: string, plural: string) => ({
    find: async (_namespace: string, _name: string, notOlderThan?: number) => {
      asked.push(`${plural} ${notOlderThan === 0 ? 'at hand' : 'newest'}`);
      return notOlderThan === 0 && !isAtHand ? undefined : { object };
    },
  });
  const clock = new FakeClock(Date.parse('2026-01-01T12:00:00Z'));
  const claims = { namespace: 'n', serviceAccount: 'a', serviceAccountUid: 'a-1', secret: 's' };
  const user = await legacyUser({ storageOf, clock } as unknown as ServerContext, 'token', claims);
  expect([user?.name, asked]).toEqual(['system:serviceaccount:n:a', expected]);
});
