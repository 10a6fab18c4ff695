import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '@berth/csictl';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Ganesha } from '../harness/ganesha.ts';

let server: Ganesha;
let local = '';

beforeAll(async () => {
  server = await Ganesha.start();
  local = mkdtempSync(join(tmpdir(), 'berth-csictl-nfs-'));
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  if (local !== '') rmSync(local, { recursive: true, force: true });
});

async function csictl(...argv: string[]) {
  const chunks: Uint8Array[] = [];
  const text = { out: '', err: '' };
  const exitCode = await runCli(argv, {
    env: {},
    out: (more) => {
      text.out += more;
    },
    outBytes: async (bytes) => {
      chunks.push(Buffer.from(bytes));
    },
    err: (more) => {
      text.err += more;
    },
    isInteractive: false,
  });
  return { exitCode, ...text, bytes: Buffer.concat(chunks) };
}

/** A tree with everything a copy meets. */
function makeTree(folder: string): Buffer {
  mkdirSync(join(folder, 'dir/inner'), { recursive: true });
  const content = Buffer.from(Array.from({ length: 3_000_001 }, (_, index) => (index * 7) % 251));
  writeFileSync(join(folder, 'dir/large'), content);
  writeFileSync(join(folder, 'dir/inner/empty'), '');
  writeFileSync(join(folder, 'dir/ü b%'), 'small');
  chmodSync(join(folder, 'dir/ü b%'), 0o754);
  symlinkSync('/etc/passwd', join(folder, 'dir/link'));
  return content;
}

describe.each([3, 4.1, 4.2])('NFSv%s', (version) => {
  const url = (path: string) => `nfs://${server.host}/share/${path}?version=${version}`;
  const top = `v${version}`;

  beforeAll(() => mkdirSync(join(server.root, top)));

  test('cp -r copies a tree there and back with bytes, modes and links, and nothing half', async () => {
    const here = join(local, top);
    mkdirSync(here);
    const content = makeTree(here);
    expect(await csictl('nfs', 'cp', join(here, 'dir'), url(top))).toMatchObject({ exitCode: 2 });
    expect(await csictl('nfs', 'cp', '-r', join(here, 'dir'), url(top))).toEqual({
      ...{ exitCode: 0, out: '', err: '', bytes: Buffer.alloc(0) },
    });
    const there = join(server.root, top, 'dir');
    expect(readFileSync(join(there, 'large')).equals(content)).toBe(true);
    expect(statSync(join(there, 'ü b%')).mode & 0o777).toBe(0o754);
    expect(readlinkSync(join(there, 'link'))).toBe('/etc/passwd');
    expect(readdirSync(there).sort()).toEqual(['inner', 'large', 'link', 'ü b%']);
    expect(await csictl('nfs', 'cp', '-r', url(`${top}/dir`), join(here, 'back'))).toMatchObject({
      exitCode: 0,
      err: '',
    });
    execFileSync('diff', ['-r', '--no-dereference', join(here, 'dir'), join(here, 'back')]);
    expect(lstatSync(join(here, 'back/link')).isSymbolicLink()).toBe(true);
    // From one server's tree to another place of it; a second time it is replaced.
    for (const _ of [1, 2])
      expect(await csictl('nfs', 'cp', url(`${top}/dir/large`), url(`${top}/copy`))).toMatchObject({ exitCode: 0 });
    expect(readFileSync(join(server.root, top, 'copy')).equals(content)).toBe(true);
    expect(await csictl('nfs', 'cp', '-r', url(`${top}/dir`), url(`${top}/dir/inner/x`))).toMatchObject({
      exitCode: 2,
    });
  });

  test('what is zeros is a hole in the copy, there and back', async () => {
    const [from, there, back] = [
      join(local, `${top}-holes`),
      join(server.root, top, 'holes'),
      join(local, `${top}-back`),
    ];
    writeFileSync(from, Buffer.alloc(1_500_000, 'data'));
    truncateSync(from, 64 << 20);
    appendFileSync(from, 'end');
    expect(await csictl('nfs', 'cp', from, url(`${top}/holes`))).toMatchObject({ exitCode: 0 });
    expect(await csictl('nfs', 'cp', url(`${top}/holes`), back)).toMatchObject({ exitCode: 0 });
    for (const copy of [there, back]) {
      expect(readFileSync(copy).equals(readFileSync(from))).toBe(true);
      expect(statSync(copy).blocks * 512).toBeLessThan(8 << 20);
    }
  });

  test('ls lists by name, cat gives the bytes, df the room', async () => {
    mkdirSync(join(server.root, top, 'look'));
    writeFileSync(join(server.root, top, 'look/b'), Buffer.from([0, 255, 10]), { mode: 0o640 });
    mkdirSync(join(server.root, top, 'look/a'), { mode: 0o1777 });
    chmodSync(join(server.root, top, 'look/a'), 0o1777);
    const { out } = await csictl('nfs', 'ls', url(`${top}/look`));
    expect(out).toMatch(/^MODE +OWNER +SIZE +MODIFIED +NAME\ndrwxrwxrwt +0:0 .* a\/\n-rw-r----- +0:0 +3 +20\S+Z +b\n$/);
    expect((await csictl('nfs', 'cat', url(`${top}/look/b`))).bytes).toEqual(Buffer.from([0, 255, 10]));
    const [row] = JSON.parse((await csictl('nfs', 'df', url(top), '-o', 'json')).out) as [
      { version: number; bytes: { total: number } },
    ];
    expect(row).toMatchObject({ version });
    expect(row.bytes.total).toBeGreaterThan(0);
  });

  test('what is not there exits with 3, a directory has no bytes, and nothing leads out of the export', async () => {
    expect(await csictl('nfs', 'cat', url(`${top}/none`))).toMatchObject({
      exitCode: 3,
      err: `csictl: ${url(`${top}/none`)}: no such file or directory (NOENT)\n`,
    });
    expect(await csictl('nfs', 'cat', url(top))).toMatchObject({ exitCode: 1 });
    symlinkSync('/etc', join(server.root, top, 'out'));
    for (const path of [`${top}/out/passwd`, `${top}/../../etc/passwd`, `${top}/./x`, `${top}//x`]) {
      const ran = await csictl('nfs', 'cat', url(path));
      expect(ran.exitCode, path).toBe(1);
      expect(ran.bytes).toHaveLength(0);
    }
    expect((await csictl('nfs', 'cat', url(`${top}/out`))).err).toContain('is no regular file');
  });
});

test('the newest version is found, and an export below another URL', async () => {
  expect((await csictl('nfs', 'df', `nfs://${server.host}/share`)).out).toContain('NFSv4.2');
  expect(await csictl('nfs', 'ls', `nfs://${server.host}/nothing?version=3`)).toMatchObject({
    exitCode: 3,
    err: expect.stringMatching(/no export of the server holds it.*\nhint: it exports .*\/share/),
  });
});

test('a copy to this machine follows no symlink that lies in its way, and leaves specials out', async () => {
  const there = join(server.root, 'hostile');
  mkdirSync(join(there, 'dir'), { recursive: true });
  writeFileSync(join(there, 'dir/file'), 'new');
  execFileSync('mkfifo', [join(there, 'dir/fifo')]);
  const here = join(local, 'hostile');
  const victim = join(local, 'victim');
  mkdirSync(join(here, 'dir'), { recursive: true });
  mkdirSync(victim);
  writeFileSync(join(victim, 'target'), 'precious');
  symlinkSync(join(victim, 'target'), join(here, 'dir/file'));
  const ran = await csictl('nfs', 'cp', '-r', `nfs://${server.host}/share/hostile/dir`, here);
  expect(ran).toMatchObject({
    exitCode: 1,
    err: expect.stringMatching(/fifo: neither a file[\s\S]*1 entries were not copied/),
  });
  expect(readFileSync(join(victim, 'target'), 'utf8')).toBe('precious');
  expect(readFileSync(join(here, 'dir/file'), 'utf8')).toBe('new');
  rmSync(join(here, 'dir'), { recursive: true });
  symlinkSync(victim, join(here, 'sub'));
  mkdirSync(join(there, 'sub'));
  writeFileSync(join(there, 'sub/target'), 'overwritten');
  await csictl('nfs', 'cp', '-r', `nfs://${server.host}/share/hostile/sub`, join(here, '..', 'hostile-copy'));
  mkdirSync(join(local, 'top'));
  symlinkSync(victim, join(local, 'top/hostile'));
  mkdirSync(join(local, 'top2/hostile'), { recursive: true });
  symlinkSync(victim, join(local, 'top2/hostile/sub'));
  const inTheWay = await csictl('nfs', 'cp', '-r', `nfs://${server.host}/share/hostile`, join(local, 'top2'));
  expect(inTheWay).toMatchObject({ exitCode: 1, err: expect.stringContaining('symlink is in the way') });
  expect(readFileSync(join(victim, 'target'), 'utf8')).toBe('precious');
});

test('a copy takes the place of no device, fifo or symlink of this machine', async () => {
  const folder = join(local, 'devices');
  mkdirSync(join(folder, 'dir'), { recursive: true });
  execFileSync('mknod', [join(folder, 'full'), 'c', '1', '7']);
  execFileSync('mkfifo', [join(folder, 'dir/file')]);
  symlinkSync('pipe:[1]', join(folder, 'stdout'));
  mkdirSync(join(server.root, 'devices/dir'), { recursive: true });
  writeFileSync(join(server.root, 'devices/dir/file'), 'new');
  const from = `nfs://${server.host}/share/devices/dir`;
  for (const name of ['full', 'stdout']) {
    const ran = await csictl('nfs', 'cp', `${from}/file`, join(folder, name));
    expect(ran).toMatchObject({ exitCode: 1, err: expect.stringMatching(/stays as it is[\s\S]*hint: csictl nfs cat/) });
  }
  const below = await csictl('nfs', 'cp', '-r', from, folder);
  expect(below).toMatchObject({ exitCode: 1, err: expect.stringContaining('file: a device, fifo or socket') });
  expect(lstatSync(join(folder, 'full')).isCharacterDevice()).toBe(true);
  expect(lstatSync(join(folder, 'stdout')).isSymbolicLink()).toBe(true);
  expect(lstatSync(join(folder, 'dir/file')).isFIFO()).toBe(true);
});

test('a server that nobody answers for, and a path without its parent, end in an error with a hint', async () => {
  const refused = await csictl('nfs', 'ls', 'nfs://127.0.0.1:9/share?version=4.2', '--timeout', '2s');
  expect(refused.exitCode).not.toBe(0);
  expect(refused.err).toContain('hint: ');
  const any = await csictl('nfs', 'ls', 'nfs://127.0.0.1:9/share', '--timeout', '2s');
  expect(any).toMatchObject({ exitCode: 1, err: expect.stringContaining('127.0.0.1:9') });
  const missing = await csictl('nfs', 'cp', join(local, 'victim/target'), `nfs://${server.host}/share/none/x`);
  expect(missing).toMatchObject({ exitCode: 3, err: expect.stringContaining('/share/none/x: there is no directory') });
  expect(existsSync(join(server.root, 'none'))).toBe(false);
  for (const from of [join(local, 'none'), `nfs://${server.host}/share/none`]) {
    const absent = await csictl('nfs', 'cp', from, `nfs://${server.host}/share/x`);
    expect(absent).toMatchObject({ exitCode: 3, err: expect.stringContaining(`${from}: no such file or directory`) });
  }
});
