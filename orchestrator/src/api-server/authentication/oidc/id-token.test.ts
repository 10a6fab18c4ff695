import { expect, test } from 'vitest';
import { readIdToken } from './id-token.ts';

test.each<[object, object]>([
  [{}, { audiences: [], expiry: 0 }],
  [
    { aud: 'a', exp: 5.7 },
    { audiences: ['a'], expiry: 5 },
  ],
  [
    { aud: ['a', 'b'], exp: '7e2', nbf: 4 },
    { audiences: ['a', 'b'], expiry: 700, notBefore: 4 },
  ],
  [
    { aud: [null], nbf: null, sub: null },
    { audiences: [''], expiry: 0 },
  ],
  [
    {
      _claim_names: { groups: 's', a: null },
      _claim_sources: { s: { endpoint: 'e', access_token: 't', JWT: 3 }, n: null },
    },
    {
      audiences: [],
      expiry: 0,
      claimNames: new Map(Object.entries({ groups: 's', a: '' })),
      claimSources: new Map(
        Object.entries({ s: { endpoint: 'e', accessToken: 't' }, n: { endpoint: '', accessToken: '' } }),
      ),
    },
  ],
  [
    { _claim_names: null, _claim_sources: null },
    { audiences: [], expiry: 0 },
  ],
  // As the least of int64: over.
  [{ exp: 1e300 }, { audiences: [], expiry: Number.NEGATIVE_INFINITY }],
])('%j is read', (claims, expected) => {
  expect(readIdToken(claims as Record<string, unknown>)).toEqual(expected);
});

const field = (given: string, name: string, type: string) =>
  `json: cannot unmarshal ${given} into Go struct field idToken.${name} of type ${type}`;

// What kube-apiserver 1.36.3 says of the same claims.
test.each<[object, string]>([
  [{ aud: 3 }, field('number', 'aud', '[]string')],
  [{ aud: ['a', 3] }, field('number', 'aud', 'string')],
  [{ sub: 5 }, field('number', 'sub', 'string')],
  [{ sub: ['a'] }, field('array', 'sub', 'string')],
  [{ exp: null }, 'strconv.ParseFloat: parsing "": invalid syntax'],
  [{ nbf: 'x' }, 'json: invalid number literal, trying to unmarshal "\\"x\\"" into Number'],
  [{ iat: 'x' }, 'json: invalid number literal, trying to unmarshal "\\"x\\"" into Number'],
  [{ iat: true }, field('bool', 'iat', 'json.Number')],
  [{ _claim_names: 'x' }, field('string', '_claim_names', 'map[string]string')],
  [{ _claim_names: ['x'] }, field('array', '_claim_names', 'map[string]string')],
  [{ _claim_names: { groups: 3 } }, field('number', '_claim_names', 'string')],
  [{ _claim_sources: 'x' }, field('string', '_claim_sources', 'map[string]oidc.claimSource')],
  [{ _claim_sources: { s: 'x' } }, field('string', '_claim_sources', 'oidc.claimSource')],
  [
    { _claim_sources: { s: { endpoint: 3 } } },
    'json: cannot unmarshal number into Go struct field claimSource._claim_sources.endpoint of type string',
  ],
  [
    { _claim_sources: { s: { access_token: 3 } } },
    'json: cannot unmarshal number into Go struct field claimSource._claim_sources.access_token of type string',
  ],
  // The first in the text is told.
  [{ sub: 5, aud: 3 }, field('number', 'sub', 'string')],
])('%j is refused', (claims, message) => {
  expect(() => readIdToken(claims as Record<string, unknown>)).toThrow(new RangeError(message));
});
