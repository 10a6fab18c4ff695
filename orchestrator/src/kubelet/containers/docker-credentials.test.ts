import { expect, test } from 'vitest';
import { credentialsFor } from './docker-credentials.ts';

const auth = Buffer.from('me:pa:ss').toString('base64');
const auths = (...servers: string[]) => Object.fromEntries(servers.map((server) => [server, { auth }]));
const servers = (image: string, ...keys: string[]) => credentialsFor(auths(...keys), image).map(({ server }) => server);

test.each<[image: string, key: string, fits: boolean]>([
  ['registry.example.com/team/app:1', 'registry.example.com', true],
  ['registry.example.com/team/app:1', 'https://registry.example.com', true],
  ['registry.example.com/team/app:1', 'https://registry.example.com/v2/', true],
  ['registry.example.com/team/app:1', 'registry.example.com/team', true],
  ['registry.example.com/team/app:1', 'registry.example.com/other', false],
  ['registry.example.com/team/app:1', '*.example.com', true],
  ['registry.example.com/team/app:1', '*.com', false],
  ['a.b.example.com/app:1', '*.example.com', false],
  ['registry.example.com/app:1', 'r*g*t?y.*.com*', true],
  ['registry.example.com/app:1', 'r*g*t?.*.com', false],
  ['registry.example.com/app:1', 'registry.example.co?', true],
  ['registry.example.com/app:1', 'registry.example.com?', false],
  ['registry.example.com/app:1', 'registry.exam[p]le.com', false],
  // Each star doubles the ways to match it, were they tried one after the other.
  [`${'a'.repeat(200)}/app:1`, `${'*a'.repeat(50)}*b`, false],
  ['registry.example.com:5000/app:1', 'registry.example.com', false],
  ['registry.example.com:5000/app:1', 'registry.example.com:5000', true],
  ['docker.io/library/nginx:latest', 'https://index.docker.io/v1/', true],
  ['docker.io/library/nginx:latest', 'docker.io', true],
  ['quay.io/nginx:latest', 'https://index.docker.io/v1/', false],
])('credentials for an image %s of a server %s: %s', (image, key, fits) => {
  expect(servers(image, key)).toEqual(fits ? [key] : []);
});

test('an image that is named with many @ and a line holds nobody up: a pattern looks for the end anew from each', () => {
  expect(servers(`${'@'.repeat(500_000)}\nx`, 'example.com')).toEqual([]);
});

test('the most specific credentials come first', () => {
  expect(servers('example.com/a/b:1', 'example.com', 'example.com/a/b', 'example.com/a')).toEqual([
    'example.com/a/b',
    'example.com/a',
    'example.com',
  ]);
});

test('user and password come from auth, else from their fields; what is no object is passed over', () => {
  expect(credentialsFor(auths('x.io'), 'x.io/a:1')[0]).toMatchObject({ username: 'me', password: 'pa:ss' });
  expect(credentialsFor({ 'x.io': { username: 'u', password: 'p' } }, 'x.io/a:1')[0]).toMatchObject({
    username: 'u',
    password: 'p',
  });
  expect(credentialsFor({ 'x.io': null as never }, 'x.io/a:1')).toEqual([]);
});
