import { expect, test } from 'vitest';
import { serviceAccountsOf, signingAs, verifyingKeysOf } from './service-account-flags.ts';

test('the first issuer signs, the others are believed', () => {
  expect(serviceAccountsOf({})).toMatchObject({
    issuer: 'https://kubernetes.default.svc.cluster.local',
    otherIssuers: [],
  });
  const issuers = ['https://new', 'https://old', 'plain'];
  expect(serviceAccountsOf({ serviceAccountIssuer: issuers })).toMatchObject({
    issuer: 'https://new',
    otherIssuers: ['https://old', 'plain'],
  });
});

test.each([
  [{ serviceAccountIssuer: [''] }, 'service-account-issuer should not be an empty string'],
  [{ serviceAccountIssuer: [':a'] }, 'service-account-issuer ":a" contained a \':\' but was not a valid URL'],
  [{ serviceAccountIssuer: ['a', 'a'] }, 'service-account-issuer "a" is already specified'],
  [{ serviceAccountJwksUri: 'http://keys' }, 'service-account-jwks-uri requires https scheme, parsed as: http://keys'],
])('%j is refused in upstream’s words', (flags, message) => {
  expect(() => serviceAccountsOf(flags)).toThrow(expect.objectContaining({ code: 'Usage', message }));
});

test('files that hold no keys are refused by their flags', async () => {
  const options = serviceAccountsOf({
    serviceAccountKeyFile: ['/dev/null'],
    serviceAccountSigningKeyFile: '/dev/null',
  });
  await expect(verifyingKeysOf(options)).rejects.toThrow(
    '--service-account-key-file /dev/null cannot be used: data does not contain any valid RSA or ECDSA public keys',
  );
  await expect(signingAs({ serviceAccounts: options }, {} as never)).rejects.toThrow(
    '--service-account-signing-key-file /dev/null cannot be used: ',
  );
});
