import { generateKeyPairSync, sign } from 'node:crypto';
import { FakeClock, seededRng } from '@berth/kit';
import { expect, test } from 'vitest';
import { issuerPaths } from './issuer-paths.ts';
import { JwtTokens, type JwtTokensOptions } from './jwt-tokens.ts';
import { tokenKeysOf } from './token-keys.ts';

const pemOf = (namedCurve: string) =>
  generateKeyPairSync('ec', { namedCurve }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const [first, second] = [pemOf('P-256'), pemOf('P-384')];
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const rsaPublic = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const rsaPrivate = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

const tokens = (more: Partial<JwtTokensOptions>) =>
  new JwtTokens({ issuer: 'https://one', privateKey: first, clock: new FakeClock(), rng: seededRng(1), ...more });

async function issued(by: JwtTokens, audiences: string[] = []) {
  const request = { namespace: 'n', serviceAccount: 'a', serviceAccountUid: 'u', expirationSeconds: 600 };
  return (await by.issue({ ...request, audiences })).token;
}

const legacy = { namespace: 'n', serviceAccount: 'a', serviceAccountUid: 'u', secret: 's' };
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

test.each([
  ['P-384', second, second],
  ['RSA', rsaPrivate, rsaPublic],
])('keys are changed without a token refused: what an earlier one (%s) signed is believed', async (_, old, file) => {
  const before = tokens({ privateKey: old, issuer: 'https://old' });
  const token = await issued(before);
  expect((await before.review(token, []))?.audiences).toEqual(['https://old']);
  const keys = [...tokenKeysOf(first), ...tokenKeysOf(file)];
  const after = tokens({ otherIssuers: ['https://old'], keys });
  expect((await after.review(token, []))?.user.name).toBe('system:serviceaccount:n:a');
  expect((await after.review(await issued(after), []))?.audiences).toEqual(['https://one', 'https://old']);
  // Neither the key alone nor the issuer alone is enough.
  expect(await tokens({ otherIssuers: ['https://old'] }).review(token, [])).toBeUndefined();
  expect(await tokens({ keys }).review(token, [])).toBeUndefined();
});

test('where keys are named, no other is believed, be it that which signs; nor do others learn of it', async () => {
  const named = tokens({ keys: tokenKeysOf(rsaPublic) });
  const refusals: string[] = [];
  expect(await named.review(await issued(named), [], (why) => refusals.push(why))).toBeUndefined();
  expect(named.readLegacy(named.issueLegacy(legacy), (why) => refusals.push(why))).toBeUndefined();
  expect(refusals).toEqual(Array(2).fill('invalid signature, no keys found'));
  expect(named.keySet).toMatchObject({ algorithms: ['RS256'], keys: [{ alg: 'RS256' }] });
});

/** A token as who has the key makes it. */
function signed(claims: object, head: object = {}): string {
  const text = [{ alg: 'ES256', kid: tokenKeysOf(first)[0]?.id, ...head }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${text}.${sign('sha256', Buffer.from(text), { key: first, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

const claims = {
  ...{ iss: 'https://one', aud: ['https://one'], sub: 'x', jti: 'j', exp: 3600, nbf: 0, iat: 0 },
  'kubernetes.io': { namespace: 'n', serviceaccount: { name: 'a', uid: 'u' } },
};

const at1000 = () => tokens({ audiences: ['api', 'https://one'], clock: new FakeClock(1_000_000) });

async function reviewed(token: string) {
  const refusals: string[] = [];
  const { user, audiences } = (await at1000().review(token, [], (why) => refusals.push(why))) ?? {};
  return user ? { name: user.name, audiences } : refusals;
}

const good = { name: 'system:serviceaccount:n:a', audiences: ['https://one'] };
const failed = ['go-jose/go-jose: error in cryptographic primitive'];
const noDate = ['go-jose/go-jose/jwt: expected number value to unmarshal NumericDate'];
const noAudience = ['go-jose/go-jose/jwt: expected string or array value to unmarshal to Audience'];
const notA = (given: string, type: string) => [`json: cannot unmarshal ${given} into Go value of type ${type}`];
const bound = (more: object) => ({ 'kubernetes.io': { ...claims['kubernetes.io'], ...more } });

// What kube-apiserver 1.36.3 says of the same tokens, signed with a key that it was given.
test.each<[object, unknown, object?]>([
  [{}, good],
  [{}, good, { kid: undefined }],
  [{}, ['invalid signature, no keys found'], { kid: 'x' }],
  [{}, [], { kid: 3 }],
  [{}, failed, { alg: 'none' }],
  [{}, failed, { alg: 'HS256' }],
  [{}, failed, { crit: ['x'], x: 1 }],
  [{}, failed, { b64: false }],
  [{ aud: 'https://one' }, good],
  [{ aud: undefined }, { ...good, audiences: ['api', 'https://one'] }],
  [{ aud: [] }, { ...good, audiences: ['api', 'https://one'] }],
  [{ aud: ['https://one', 'api'] }, { ...good, audiences: ['api', 'https://one'] }],
  [{ aud: '' }, ['token audiences [""] is invalid for the target audiences ["api" "https://one"]']],
  [{ aud: null }, noAudience],
  [{ aud: ['https://one', 3] }, noAudience],
  [{ exp: 941 }, good],
  [{ exp: 939 }, ['service account token has expired']],
  [{ exp: undefined }, good],
  [{ exp: null }, good],
  [{ exp: 0 }, ['service account token has expired']],
  [{ exp: '9999' }, noDate],
  [{ nbf: 1059 }, good],
  [{ nbf: 1061 }, ['service account token is not valid yet']],
  [{ nbf: undefined }, good],
  [{ iat: 1061 }, ['service account token is issued in the future']],
  [{ iat: 'x' }, noDate],
  [{ jti: 3 }, notA('number', 'string')],
  [{ sub: undefined }, good],
  [{ sub: {} }, notA('object', 'string')],
  [{ 'kubernetes.io': 'x' }, notA('string', 'serviceaccount.kubernetes')],
  [bound({ pod: 3 }), notA('number', 'serviceaccount.ref')],
  [bound({ warnafter: 'x' }), noDate],
])('what others sign with a key of ours is read by its types: %j', async (more, expected, head) => {
  expect(await reviewed(signed({ ...claims, ...more }, head))).toEqual(expected);
});

test.each<[object, string]>([
  [{ sub: undefined }, 'sub claim is missing'],
  [{ sub: 'system:serviceaccount:n:b' }, 'sub claim is invalid'],
  [{ 'kubernetes.io/serviceaccount/namespace': '' }, 'namespace claim is missing'],
  [{ 'kubernetes.io/serviceaccount/secret.name': undefined }, 'secretName claim is missing'],
  [{ 'kubernetes.io/serviceaccount/service-account.name': undefined }, 'serviceAccountName claim is missing'],
  [{ 'kubernetes.io/serviceaccount/service-account.uid': undefined }, 'serviceAccountUID claim is missing'],
  [{ 'kubernetes.io/serviceaccount/service-account.uid': 3 }, ...notA('number', 'string')],
] as [object, string][])('why a token of a Secret is not good is told in upstream’s words: %j', (more, expected) => {
  const by = tokens({});
  const said = claimsOf(by.issueLegacy(legacy));
  expect(by.readLegacy(signed({ ...said, exp: 1 }))).toEqual(legacy);
  const refusals: string[] = [];
  expect(by.readLegacy(signed({ ...said, ...more }), (why) => refusals.push(why))).toBeUndefined();
  expect(refusals).toEqual([expected]);
});

test('a token is base64url without padding', async () => {
  expect(await reviewed(`${signed(claims)}==`)).toEqual([]);
  // As Go's decoder: what a file ends with is passed over.
  expect(await reviewed(`${signed(claims)}\r\n`)).toEqual(good);
});

test('a token without an id has no credential that is told', async () => {
  const { user } = (await at1000().review(signed({ ...claims, jti: undefined }), [])) ?? {};
  expect(user).toEqual({
    ...{ name: good.name, uid: 'u' },
    groups: ['system:serviceaccounts', 'system:serviceaccounts:n', 'system:authenticated'],
  });
});

test('tokens are for the audiences of the server where nobody says for whom', async () => {
  const own = tokens({ audiences: ['api', 'vault'] });
  const token = await issued(own);
  expect(claimsOf(token)).toMatchObject({ iss: 'https://one', aud: ['api', 'vault'] });
  expect((await own.review(token, ['vault', 'other']))?.audiences).toEqual(['vault']);
  expect(await own.review(await issued(own, ['https://one']), [])).toBeUndefined();
});

test('others find all keys, and where else they are', () => {
  const ask = (made: JwtTokens, path: string) => {
    const answer = issuerPaths(made, () => '192.0.2.1:6443')(path.split('/'), { method: 'GET' } as never);
    return answer && JSON.parse((answer as unknown as { body: Buffer }).body.toString());
  };
  const both = tokens({ keys: [...tokenKeysOf(second), ...tokenKeysOf(first)] });
  const { keys } = ask(both, 'openid/v1/jwks') as { keys: { alg: string; crv: string }[] };
  expect(keys.map(({ alg, crv }) => `${alg} ${crv}`)).toEqual(['ES384 P-384', 'ES256 P-256']);
  const configuration = '.well-known/openid-configuration';
  expect(ask(both, configuration)).toMatchObject({
    jwks_uri: 'https://192.0.2.1:6443/openid/v1/jwks',
    id_token_signing_alg_values_supported: ['ES256', 'ES384'],
  });
  expect(ask(tokens({ keySetUri: 'https://keys' }), configuration)).toMatchObject({ jwks_uri: 'https://keys' });
  // What is no URL that others may ask has no documents.
  for (const issuer of ['berth', 'http://one', 'https://one?a=b'])
    expect(ask(tokens({ issuer }), configuration)).toBeUndefined();
});

test('a file without keys, or with one that signs no tokens, is refused', () => {
  expect(() => tokenKeysOf('nothing')).toThrow('data does not contain any valid RSA or ECDSA public keys');
  expect(() => tokenKeysOf(pemOf('secp256k1'))).toThrow('unknown public key type ec of curve secp256k1');
  expect(tokenKeysOf(first + rsaPublic).map(({ algorithm }) => algorithm)).toEqual(['ES256', 'RS256']);
});
