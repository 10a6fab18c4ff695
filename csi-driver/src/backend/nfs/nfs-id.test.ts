import { expect, test } from 'vitest';
import { isVolumeId } from '../../rules/volume-id.ts';
import { accessIn, nameIn, nfsIdOf } from './nfs-id.ts';

const name = '0b1c8a52-7d4e-4f0a-9c1d-2f3a4b5c6d7e';

const places = {
  'a host': [{ server: 'nas', share: '/export' }, `${name}@nas/export`],
  'a port': [{ server: 'nas.example.com', share: '/a/b', port: 2049 }, `${name}@nas.example.com:2049/a/b`],
  'a version': [{ server: '10.0.0.7', share: '/', version: 3 }, `${name}+v3@10.0.0.7/`],
  both: [{ server: 'nas', share: '/e@x:y+z', version: 4.1, port: 1 }, `${name}+v4.1@nas:1/e@x:y+z`],
  'an IPv6 address': [{ server: 'fd00::7', share: '/e', port: 20 }, `${name}@[fd00::7]:20/e`],
} as const;

for (const [what, [access, id]] of Object.entries(places)) {
  test(`an id with ${what} says where it is, and is read back`, () => {
    expect(nfsIdOf(name, access)).toBe(id);
    expect([accessIn(id), nameIn(id), isVolumeId(id)]).toEqual([access, name, true]);
  });
}

test('a place that an id has no room or no letters for is left out', () => {
  for (const share of [`/${'x'.repeat(90)}`, '/with space', '/ü']) {
    expect(nfsIdOf(name, { server: 'nas', share })).toBe(name);
  }
  expect([accessIn(name), nameIn(name)]).toEqual([undefined, name]);
});

test('hostile ids lead nowhere', () => {
  for (const id of [
    `${name}@nas/export/..`,
    `${name}@nas/export/../other`,
    `${name}@nas/.berth`,
    `${name}@nas/a\\b`,
    `${name}@nas/a,addr=6.6.6.6`,
    `${name}@nas,ro/export`,
    `${name}@nas:99999/export`,
    `${name}@nas:0/export`,
    `${name}@nas:02049/export`,
    `${name}@NAS/export`,
    `${name}@nas/export/`,
    `${name}@nas//export`,
    `${name}@nas/export\n`,
    `${name}@/export`,
    `${name}@nas`,
    `${name}+v5@nas/export`,
    `${name}+v4@nas/export`,
    `../${name}@nas/export`,
    `..@nas/export`,
    `a/b@nas/export`,
    `@nas/export`,
    `A@nas/export`,
    `${name}@[::1%eth0]/export`,
    `${name}@[nas]/export`,
    `${name}@nas/${'x'.repeat(200)}`,
    'nas#export#data',
    '',
  ]) {
    expect(accessIn(id), id).toBeUndefined();
  }
});
