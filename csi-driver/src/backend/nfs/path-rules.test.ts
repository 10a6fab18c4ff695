import { expect, test } from 'vitest';
import { shownBy, sourceOf } from './nfs-location.ts';
import { checkServer, checkShare, checkSubDir } from './path-rules.ts';

const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' });

for (const server of ['nas', 'nas.example.com', 'NAS-1', '10.0.0.1', '::1', '[fd00::1]', 'nfs_server.default.svc']) {
  test(`the server ${server} is taken`, () => expect(() => checkServer(server)).not.toThrow());
}

for (const server of [
  '',
  'nas,addr=1.2.3.4',
  'nas=1',
  'nas/export',
  'nas:2049',
  'a b',
  'nas\n',
  'nas\0',
  '-o',
  '--help',
  '1.2.3',
  '999.1.1.1',
  'fe80::1%eth0',
  '[nas]',
  'a..b',
  'nas%2e',
  'ä.example',
  'x'.repeat(300),
]) {
  test(`the server ${JSON.stringify(server.slice(0, 30))} is refused`, () =>
    expect(() => checkServer(server)).toThrow(refused));
}

/** Every row of the CVEs of NFS drivers (CVE-2026-3864 and what their fixes forgot), and of injected options (CVE-2026-6437). */
const hostile = [
  '..',
  '../x',
  'a/..',
  'a/b/..',
  'a/../b',
  'a/../../b',
  './a',
  'a/.',
  'a//b',
  'a/',
  '..\\x',
  'a\\..\\..\\b',
  'a\\b',
  '%2e%2e/x',
  '%2e%2e%2fx',
  'a%00',
  'a\0',
  'a\0/../b',
  'a\nb',
  'a\u2028b',
  'a,addr=6.6.6.6',
  'a=b',
  'a,ro',
  '$(id)',
  '`id`',
  'a;b',
  'a|b',
  'a"b',
  "a'b",
  'a*',
  '~{x}',
  '#',
  'a#b',
  ' a',
  'a ',
  '.berth',
  '.berth/trash',
  'a/.berth/x',
  '\ud800',
  'x'.repeat(256),
  Array.from({ length: 600 }, () => 'ab').join('/'),
];

for (const path of hostile) {
  test(`the path ${JSON.stringify(path.slice(0, 30))} is refused, as share and as sub directory`, () => {
    expect(() => checkSubDir(path)).toThrow(refused);
    if (path !== 'a/') expect(() => checkShare(`/${path}`)).toThrow(refused);
  });
}

test('a sub directory is relative and not empty, a share absolute', () => {
  expect(() => checkSubDir('')).toThrow(refused);
  expect(() => checkSubDir('/etc')).toThrow(refused);
  expect(() => checkShare('export')).toThrow(refused);
  expect(() => checkShare('')).toThrow(refused);
  expect(() => checkShare('//a')).toThrow(refused);
});

for (const path of [
  'a',
  'a/b/c',
  '...',
  '..a',
  'a..',
  '.hidden',
  'größe/日本',
  'with space',
  'pvc-1_2+x@y:z~(1)',
  '-o',
]) {
  test(`the sub directory ${path} is taken as it is`, () => expect(checkSubDir(path)).toBe(path));
}

test('a share loses its last slash and keeps the rest', () => {
  expect(checkShare('/export/')).toBe('/export');
  expect(checkShare('/export/a b')).toBe('/export/a b');
  expect(checkShare('/')).toBe('/');
});

test('a message about a hostile path is one line', () => {
  expect(() => checkSubDir('a\nINFO forged')).toThrow(/^[^\n]*$/);
});

test('a location reads as df shows it, and as the mount table tells it', () => {
  const location = { server: 'nas', share: '/export', subDir: 'a/b' };
  expect(sourceOf(location)).toBe('nas:/export/a/b');
  expect(sourceOf({ ...location, subDir: '' })).toBe('nas:/export');
  expect(sourceOf({ ...location, share: '/' })).toBe('nas:/a/b');
  expect(sourceOf({ server: 'fd00::1', share: '/', subDir: '' })).toBe('[fd00::1]:/');
  expect(shownBy({ source: 'nas:/export', root: '/a/b' })).toBe('nas:/export/a/b');
  expect(shownBy({ source: 'nas:/export/a/b', root: '/' })).toBe('nas:/export/a/b');
  expect(shownBy({ source: 'nas:/', root: '/a' })).toBe('nas:/a');
});
