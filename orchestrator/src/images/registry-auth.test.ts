import { expect, test } from 'vitest';
import { parseChallenge } from './registry-auth.ts';

test.each([
  ['Basic realm="x"', { scheme: 'basic', parameters: { realm: 'x' } }],
  [
    'Bearer realm="https://auth.example.com/token",service="a b",scope="repository:a/b:pull,push"',
    {
      scheme: 'bearer',
      parameters: { realm: 'https://auth.example.com/token', service: 'a b', scope: 'repository:a/b:pull,push' },
    },
  ],
  [
    'bearer Realm=https://x, service="q\\"uote"',
    { scheme: 'bearer', parameters: { realm: 'https://x', service: 'q"uote' } },
  ],
  ['Negotiate', { scheme: 'other', parameters: {} }],
  ['', { scheme: 'other', parameters: {} }],
])('the challenge %j', (header, challenge) => {
  expect(parseChallenge(header)).toEqual(challenge);
});
