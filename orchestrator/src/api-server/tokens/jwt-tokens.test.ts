import { generateKeyPairSync } from 'node:crypto';
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

const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

test.each([
  ['P-384', second, second],
  ['RSA', rsaPrivate, rsaPublic],
])('keys are changed without a token refused: what an earlier one (%s) signed is believed', async (_, old, file) => {
  const before = tokens({ privateKey: old, issuer: 'https://old' });
  const token = await issued(before);
  expect((await before.review(token, []))?.audiences).toEqual(['https://old']);
  const after = tokens({ otherIssuers: ['https://old'], otherKeys: tokenKeysOf(file) });
  expect((await after.review(token, []))?.user.name).toBe('system:serviceaccount:n:a');
  expect((await after.review(await issued(after), []))?.audiences).toEqual(['https://one', 'https://old']);
  // Neither the key alone nor the issuer alone is enough.
  expect(await tokens({ otherIssuers: ['https://old'] }).review(token, [])).toBeUndefined();
  expect(await tokens({ otherKeys: tokenKeysOf(file) }).review(token, [])).toBeUndefined();
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
  const both = tokens({ otherKeys: [...tokenKeysOf(second), ...tokenKeysOf(first)] });
  const { keys } = ask(both, 'openid/v1/jwks') as { keys: { alg: string; crv: string }[] };
  expect(keys.map(({ alg, crv }) => `${alg} ${crv}`)).toEqual(['ES256 P-256', 'ES384 P-384']);
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
