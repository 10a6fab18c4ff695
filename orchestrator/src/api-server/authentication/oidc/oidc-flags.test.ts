import { expect, test } from 'vitest';
import { issuerOfFlags, type OidcFlags } from './oidc-flags.ts';

const together = 'oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set';
const both = { issuerUrl: 'https://i.example.com', clientId: 'c' };

test.each<[OidcFlags, string]>([
  [{ groupsClaim: 'groups' }, together],
  [{ issuerUrl: 'https://i.example.com' }, together],
  [{ clientId: 'c' }, together],
  [
    { ...both, issuerUrl: 'http://i.example.com' },
    'invalid authentication configuration: jwt[0].issuer.url: Invalid value: "http://i.example.com": URL scheme must be https',
  ],
  [
    { ...both, usernameClaim: '' },
    'invalid authentication configuration: jwt[0].claimMappings.username: Required value: claim or expression is required',
  ],
  [{ ...both, signingAlgs: ['RS256', 'none'] }, 'oidc: unsupported signing alg: "none"'],
])('the flags %j are refused in upstream’s words', async (flags, words) => {
  await expect(issuerOfFlags(flags)).rejects.toThrow(new RangeError(words));
});

test('names are told from others’ by the issuer, unless they are addresses or a prefix is given', async () => {
  const prefix = async (flags: OidcFlags) => (await issuerOfFlags({ ...both, ...flags })).username;
  expect(await prefix({})).toEqual({ claim: 'sub', prefix: 'https://i.example.com#' });
  expect(await prefix({ usernameClaim: 'email' })).toEqual({ claim: 'email', prefix: '' });
  expect(await prefix({ usernamePrefix: '-' })).toEqual({ claim: 'sub', prefix: '' });
  expect(await prefix({ usernamePrefix: 'o:' })).toEqual({ claim: 'sub', prefix: 'o:' });
});
