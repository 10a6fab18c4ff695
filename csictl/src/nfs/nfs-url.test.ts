import { expect, test } from 'vitest';
import { csictl } from '../testing/run-csictl.ts';
import { parseNfsUrl } from './nfs-url.ts';

test('a URL holds server, port, path and how to call', () => {
  expect(parseNfsUrl('nfs://server:12049/share/a%20b/%C3%BC?version=4.1&uid=7&gid=8&privileged=no')).toEqual({
    text: 'nfs://server:12049/share/a%20b/%C3%BC?version=4.1&uid=7&gid=8&privileged=no',
    ...{ host: 'server', port: 12049, path: '/share/a b/ü', version: 4.1, uid: 7, gid: 8, isPrivileged: false },
  });
  expect(parseNfsUrl('nfs://[fd00::1]/x?port=1&mountport=2&portmapport=3&export=/x')).toMatchObject({
    ...{ host: 'fd00::1', port: 1, mountPort: 2, portmapPort: 3, export: '/x' },
  });
  expect(parseNfsUrl('nfs://server')).toMatchObject({ path: '/' });
});

test('a path is not normalized: what leads elsewhere is seen, and refused by the client', () => {
  expect(parseNfsUrl('nfs://s/share/../etc').path).toBe('/share/../etc');
});

const wrong = [
  'nfs:/share/x',
  'nfs://',
  'nfs:///share',
  'nfs://user@host/x',
  'nfs://s/x#y',
  'nfs://s/a%2fb',
  'nfs://s/a%00',
];
wrong.push('nfs://s/%ff', 'nfs://s/x?version=2', 'nfs://s/x?port=70000', 'nfs://s/x?port=-1', 'nfs://s/x?vers=3');
wrong.push('nfs://s/x?privileged=1', 'nfs://s/x?export=x', 'nfs://a b/x', 'nfs://s:99999999/x', 'nfs://s:99999/x');

for (const url of wrong) {
  test(`${url} is refused`, async () => {
    expect(await csictl('nfs', 'ls', url)).toMatchObject({
      exitCode: 2,
      out: '',
      err: expect.stringContaining('hint: write nfs://'),
    });
  });
}

test('a copy needs a side on a server', async () => {
  expect(await csictl('nfs', 'cp', '/etc/hostname', '/tmp/x')).toMatchObject({ exitCode: 2 });
});
