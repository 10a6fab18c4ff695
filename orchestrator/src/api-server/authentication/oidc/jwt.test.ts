import { generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isSignedBy, issuerOf, parseJwt, signingAlgorithms } from './jwt.ts';

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

function token(header: object, key: (text: string) => Buffer): string {
  const text = `${encode(header)}.${encode({ iss: 'x' })}`;
  return `${text}.${key(text).toString('base64url')}`;
}

test('whatever is given as a token is taken apart or is none, and nothing of it throws', () => {
  const part = fc.oneof(
    fc.string(),
    fc.json().map((text) => Buffer.from(text).toString('base64url')),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
      const jwt = parseJwt(parts.join('.'));
      if (jwt) expect(isSignedBy(jwt, ec.publicKey, signingAlgorithms)).toBe(false);
    }),
  );
});

test('a signature counts by an algorithm of its key and of those that are allowed', () => {
  const es = (text: string) => sign('sha256', Buffer.from(text), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' });
  const rs = (text: string) => sign('sha256', Buffer.from(text), rsa.privateKey);
  const read = (text: string) => parseJwt(text) as NonNullable<ReturnType<typeof parseJwt>>;
  const [byEc, byRsa] = [read(token({ alg: 'ES256' }, es)), read(token({ alg: 'RS256' }, rs))];
  expect(isSignedBy(byEc, ec.publicKey, signingAlgorithms)).toBe(true);
  expect(isSignedBy(byRsa, rsa.publicKey, ['RS256'])).toBe(true);
  expect(isSignedBy(byRsa, rsa.publicKey, ['ES256', 'PS256'])).toBe(false);
  expect(isSignedBy(byEc, rsa.publicKey, signingAlgorithms)).toBe(false);
  // The key of one kind, the word of another.
  for (const alg of ['RS256', 'ES384', 'none', 'HS256', '__proto__', 'constructor'])
    expect([alg, isSignedBy(read(token({ alg }, es)), ec.publicKey, signingAlgorithms)]).toEqual([alg, false]);
});

test('an issuer is who a token says, and Google also without a scheme', () => {
  const read = (iss: unknown) => parseJwt(`${encode({ alg: 'ES256' })}.${encode({ iss })}.`);
  const issuers = ['https://x', 'accounts.google.com', 'https://accounts.google.com', 3].map(read);
  expect(issuers.map((jwt) => jwt && issuerOf(jwt))).toEqual([
    'https://x',
    'https://accounts.google.com',
    'https://accounts.google.com',
    3,
  ]);
});
