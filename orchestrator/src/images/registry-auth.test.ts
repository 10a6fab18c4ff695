import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { authorize, parseChallenge } from './registry-auth.ts';

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

async function answeredWith(answer: string | Buffer): Promise<string> {
  await using server = createServer((_, response) => response.end(answer)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const realm = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  const challenge = { scheme: 'bearer', parameters: { realm } } as const;
  return await authorize(challenge, { auth: undefined, scope: 's', signal: new AbortController().signal });
}

test.each([
  ['{"token":"a.b-c"}', 'Bearer a.b-c'],
  ['{"access_token":"d"}', 'Bearer d'],
  ['{"token":"","access_token":"d"}', 'Bearer d'],
])('the token in %s is shown to the registry', async (answer, header) => {
  expect(await answeredWith(answer)).toBe(header);
});

test.each([
  ['no JSON', 'SECRET'],
  ['null', 'null'],
  ['no token', '{}'],
  ['a token with a line end', '{"token":"SECRET\\nx"}'],
  ['a token with a letter that no header takes', '{"token":"SECRET–"}'],
  ['more than a token takes', Buffer.alloc(2 * 1024 * 1024, ' ')],
])('%s is no token, and nothing of it is told', async (_, answer) => {
  await expect(answeredWith(answer)).rejects.toMatchObject({
    code: 'Denied',
    message:
      'failed to authorize: failed to fetch anonymous token: authorization server did not include a token in the response',
  });
});
