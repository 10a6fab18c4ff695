import { generateKeyPairSync, sign } from 'node:crypto';
import { createLogger, FakeClock, settle } from '@berth/kit';
import { expect, test } from 'vitest';
import { CallError } from '../../webhook/call-error.ts';
import type { HttpsAnswer, HttpsCall } from '../../webhook/https-caller.ts';
import { OidcAuthenticator } from './oidc-authenticator.ts';

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** `https://a` and `https://b` are issuers of one key; what is asked of others is answered by hand. */
function aWorld() {
  const clock = new FakeClock();
  const logged: string[] = [];
  const pending: (HttpsCall & PromiseWithResolvers<HttpsAnswer>)[] = [];
  const read: string[] = [];
  const json = (value: unknown) => ({ status: 200, headers: {}, body: Buffer.from(JSON.stringify(value)) });
  const call = async (made: HttpsCall) => {
    const { origin, pathname } = new URL(made.target.url);
    if (pathname === '/keys') return json({ keys: [publicKey.export({ format: 'jwk' })] });
    if (!pathname.startsWith('/.well-known')) {
      const answer = { ...made, ...Promise.withResolvers<HttpsAnswer>() };
      pending.push(answer);
      return answer.promise;
    }
    read.push(origin);
    if (origin === 'https://away') throw new CallError('away');
    return json({ issuer: origin, jwks_uri: `${origin}/keys` });
  };
  const log = createLogger({ level: 'debug', now: () => 0, write: (line) => void logged.push(line) });
  const authenticator = new OidcAuthenticator(
    {
      issuer: 'https://a',
      audiences: ['berth'],
      algorithms: ['ES256'],
      username: { claim: 'sub', prefix: '' },
      groups: { claim: 'groups', prefix: '' },
      requiredClaims: {},
    },
    { caller: { call }, clock, log },
  );
  const token = (claims: object) => {
    const exp = Math.floor(clock.now() / 1000) + 3600;
    const text = `${encode({ alg: 'ES256' })}.${encode({ iss: 'https://a', sub: 'jane', aud: 'berth', exp, ...claims })}`;
    return `${text}.${sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  };
  return {
    clock,
    logged,
    pending,
    read,
    token,
    /** A token whose groups are elsewhere. */
    without: (claims: object = {}) => {
      const source = { endpoint: 'https://c/groups', access_token: 'sesame' };
      return token({ _claim_names: { groups: 's' }, _claim_sources: { s: source }, ...claims });
    },
    /** The groups, or why there are none. */
    groupsOf: async (of: string) => {
      let why: string | undefined;
      const user = await authenticator.authenticate(of, (said) => {
        why = said;
      });
      return user?.groups ?? why;
    },
    answer: (index: number, body: string, status = 200) =>
      pending[index]?.resolve({ status, headers: {}, body: Buffer.from(body) }),
  };
}

test('groups from elsewhere are asked for once by all that wait, and are known for ten seconds', async () => {
  const world = aWorld();
  const { clock, pending, groupsOf, answer } = world;
  const token = world.without();
  const groups = world.token({ iss: 'https://b', groups: ['dev'] });
  const two = [groupsOf(token), groupsOf(token)];
  await settle();
  expect(pending.map(({ target, method, timeoutMs }) => [method, target.url, target.headers, timeoutMs])).toEqual([
    ['GET', 'https://c/groups', { authorization: 'Bearer sesame' }, 30_000],
  ]);
  answer(0, groups);
  expect(await Promise.all(two)).toEqual([['dev'], ['dev']]);
  await clock.advance(9_999);
  expect(await groupsOf(token)).toEqual(['dev']);
  // Another's may be others.
  const other = groupsOf(world.without({ sub: 'jim' }));
  await settle();
  answer(1, world.token({ iss: 'https://b', groups: ['ops'] }));
  expect(await other).toEqual(['ops']);
  await clock.advance(1);
  const again = groupsOf(token);
  await settle();
  answer(2, world.token({ groups: ['gone'] }));
  expect(await again).toEqual(['gone']);
  expect(pending).toHaveLength(3);
});

test('what is not had is asked for again, and nothing that is said of it tells the access token', async () => {
  const world = aWorld();
  const token = world.without();
  const asked = async (index: number, ...said: [string, number?]) => {
    const groups = world.groupsOf(token);
    await settle();
    world.answer(index, ...said);
    return groups;
  };
  const refused = 'oidc: could not expand distributed claims: while getting distributed claim "groups": ';
  expect(await asked(0, 'no', 503)).toBe(
    `${refused}error while getting distributed claim JWT: 503 Service Unavailable`,
  );
  const cut = world.groupsOf(token);
  await settle();
  world.pending[1]?.reject(new CallError('Get "https://c/groups": EOF'));
  expect(await cut).toBe(`${refused}Get "https://c/groups": EOF`);
  expect(await asked(2, world.token({ groups: ['dev'] }))).toEqual(['dev']);
  expect(world.logged).toHaveLength(2);
  expect(world.logged.join('')).not.toContain('sesame');
});

test('an issuer of groups that does not answer is left alone for a while', async () => {
  const world = aWorld();
  const token = world.without();
  const uninitialized =
    'oidc: could not expand distributed claims: verifying untrusted issuer https://away failed: verifier not initialized for issuer: "https://away"';
  const away = world.token({ iss: 'https://away', groups: ['dev'] });
  const times = [0, 0, 9_999, 1];
  for (const [index, ms] of times.entries()) {
    await world.clock.advance(ms);
    const groups = world.groupsOf(token);
    await settle();
    world.answer(index, away);
    expect(await groups).toBe(uninitialized);
  }
  expect(world.read).toEqual(['https://a', 'https://away', 'https://away']);
});
