import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { silentLogger, systemClock, systemRng } from '@berth/kit';
import { connectNfs } from '@berth/nfs-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exerciseFile } from '../harness/file-exerciser.ts';
import { type FuseShare, mountShare } from '../harness/fuse-share.ts';
import { Ganesha } from '../harness/ganesha.ts';

let server: Ganesha;

beforeAll(async () => {
  server = await Ganesha.start();
});
afterAll(() => server?.[Symbol.asyncDispose]());

function shell(script: string, cwd: string): string {
  return execFileSync('sh', ['-ec', script], { cwd, encoding: 'utf8', timeout: 50_000 });
}

function code(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 1500) throw new Error(`still not so: ${condition}`);
    await systemClock.sleep(20);
  }
}

/** Another client's change, through the server: it does not look at its own disk behind its back. */
async function changeElsewhere(path: string, offset: number, data: string): Promise<void> {
  const signal = AbortSignal.timeout(60_000);
  const injected = { clock: systemClock, rng: systemRng, log: silentLogger };
  await using client = await connectNfs({ host: server.host, export: '/share', uid: 0, gid: 0, ...injected }, signal);
  await client.write(path, [Buffer.from(data)], offset === 0 ? { signal } : { offset, signal });
}

const sillyNames = (folder: string) => readdirSync(folder).filter((name) => name.startsWith('.nfs'));

describe.each(['3', '4.2'])('a share mounted through FUSE by NFSv%s', (version) => {
  let share: FuseShare;
  let here: string;
  /** The same on the server. */
  let there: string;

  beforeAll(async () => {
    share = await mountShare({ server: server.host, share: '/share', subDir: '' }, [`nfsvers=${version}`]);
    here = join(share.path, `v${version}`);
    there = join(server.root, `v${version}`);
    mkdirSync(here);
  });
  afterAll(() => share?.[Symbol.asyncDispose]());

  test('files are made, read, appended to, cut, renamed over and removed, and the server has the same', () => {
    const file = join(here, 'file');
    writeFileSync(file, 'one');
    expect(readFileSync(file, 'utf8')).toBe('one');
    appendFileSync(file, ' two');
    expect(readFileSync(join(there, 'file'), 'utf8')).toBe('one two');
    truncateSync(file, 3);
    expect(readFileSync(file, 'utf8')).toBe('one');
    truncateSync(file, 5);
    expect(readFileSync(file)).toEqual(Buffer.from('one\0\0'));
    writeFileSync(join(here, 'other'), 'other');
    renameSync(join(here, 'other'), file);
    expect(readFileSync(file, 'utf8')).toBe('other');
    expect(code(() => openSync(file, 'wx'))).toBe('EEXIST');
    unlinkSync(file);
    expect(code(() => statSync(file))).toBe('ENOENT');
    expect(readdirSync(there)).toEqual([]);
  });

  test('links, modes, owners and times are kept', () => {
    const path = (name: string) => join(here, 'meta', name);
    mkdirSync(path(''), { mode: 0o750 });
    writeFileSync(path('f'), 'x', { mode: 0o640 });
    symlinkSync('../nowhere', path('s'));
    linkSync(path('f'), path('h'));
    expect(readlinkSync(path('s'))).toBe('../nowhere');
    expect(lstatSync(path('s')).isSymbolicLink()).toBe(true);
    expect(statSync(path('f')).nlink).toBe(2);
    expect(statSync(path('f')).ino).toBe(statSync(path('h')).ino);
    chmodSync(path('f'), 0o4711);
    chownSync(path('f'), 1234, 4321);
    utimesSync(path('f'), 1_000_000_000, 1_234_567_890.123);
    const stat = statSync(path('h'));
    expect([stat.uid, stat.gid, stat.mtimeMs]).toEqual([1234, 4321, 1_234_567_890_123]);
    expect(statSync(join(there, 'meta', 'f')).mode & 0o777).toBe(0o711);
    expect(statSync(path('')).mode & 0o7777).toBe(0o750);
    expect(code(() => rmdirSync(path('')))).toBe('ENOTEMPTY');
    rmSync(path(''), { recursive: true });
    expect(existsSync(join(there, 'meta'))).toBe(false);
  });

  test('an open file lives on when it is removed or replaced, and leaves nothing when it is closed', async () => {
    const file = join(here, 'kept');
    const fd = openSync(file, 'w+');
    writeSync(fd, 'before');
    unlinkSync(file);
    expect(existsSync(file)).toBe(false);
    writeSync(fd, ' after');
    const bytes = Buffer.alloc(20);
    expect(bytes.toString('utf8', 0, readSync(fd, bytes, 0, 20, 0))).toBe('before after');
    expect(sillyNames(here)).toHaveLength(1);
    closeSync(fd);
    await until(() => sillyNames(there).length === 0);

    writeFileSync(file, 'old');
    writeFileSync(`${file}.new`, 'new');
    const old = openSync(file, 'r');
    renameSync(`${file}.new`, file);
    expect(bytes.toString('utf8', 0, readSync(old, bytes, 0, 20, 0))).toBe('old');
    expect(readFileSync(file, 'utf8')).toBe('new');
    closeSync(old);
    await until(() => sillyNames(there).length === 0);
    unlinkSync(file);
  });

  test('a file of 40 MB is the same on both sides, whoever wrote it', () => {
    const data = randomBytes(40 << 20);
    const hash = createHash('sha256').update(data).digest('hex');
    writeFileSync(join(here, 'large'), data);
    expect(
      createHash('sha256')
        .update(readFileSync(join(there, 'large')))
        .digest('hex'),
    ).toBe(hash);
    writeFileSync(join(there, 'large2'), data);
    expect(
      createHash('sha256')
        .update(readFileSync(join(here, 'large2')))
        .digest('hex'),
    ).toBe(hash);
    for (const name of ['large', 'large2']) unlinkSync(join(here, name));
  });

  test('what another client makes of a file is seen at the next open, and not written over by who appends', async () => {
    const mine = join(here, 'shared');
    writeFileSync(mine, 'first');
    expect(readFileSync(mine, 'utf8')).toBe('first');
    await changeElsewhere(`v${version}/shared`, 0, 'second, and longer');
    expect(readFileSync(mine, 'utf8')).toBe('second, and longer');
    const fd = openSync(mine, 'a');
    writeSync(fd, '+1');
    await changeElsewhere(`v${version}/shared`, 20, '+2');
    writeSync(fd, '+3');
    closeSync(fd);
    expect(readFileSync(join(there, 'shared'), 'utf8')).toBe('second, and longer+1+2+3');
    expect(readFileSync(mine, 'utf8')).toBe('second, and longer+1+2+3');
    unlinkSync(mine);
  });

  test('10,000 entries are listed once each, also while they are removed', () => {
    const folder = join(here, 'many');
    mkdirSync(folder);
    const names = Array.from({ length: 10_000 }, (_, index) => `entry-${index}`);
    for (const name of names) writeFileSync(join(there, 'many', name), '');
    expect(readdirSync(folder).sort()).toEqual([...names].sort());
    for (const name of names.slice(500)) unlinkSync(join(there, 'many', name));
    mkdirSync(join(here, 'many', 'some'));
    for (const name of names.slice(0, 500)) renameSync(join(folder, name), join(folder, 'some', name));
    shell('rm -rf many', here);
    expect(existsSync(join(there, 'many'))).toBe(false);
  });

  test('a deep tree is copied with cp -a and tar, and is the same after', () => {
    const deep = `deep/${Array.from({ length: 40 }, (_, index) => `level${index}`).join('/')}`;
    mkdirSync(join(here, deep), { recursive: true });
    for (let index = 0; index < 20; index++) writeFileSync(join(here, deep, `f${index}`), randomBytes(index * 777));
    symlinkSync('f1', join(here, deep, 's'));
    linkSync(join(here, deep, 'f2'), join(here, deep, 'h'));
    shell('cp -a deep copy && diff -r deep copy && tar cf t.tar deep && mkdir out && tar xf t.tar -C out', here);
    shell('diff -r deep out/deep && diff -r deep copy', there);
    expect(readlinkSync(join(there, 'copy', deep.slice(5), 's'))).toBe('f1');
    shell('rm -rf deep copy out t.tar', here);
  });

  test('git and SQLite work on it', () => {
    shell(
      `git init -q repo && cd repo && git config user.email a@b && git config user.name x
       for i in 1 2 3 4 5 6 7 8; do echo $i > $i; done
       git add . && git commit -qm one && git rm -q 3 && echo more >> 1 && git commit -qam two
       git fsck --strict && test "$(git log --oneline | wc -l)" = 2 && git gc -q && git status --porcelain`,
      here,
    );
    for (const mode of ['delete', 'wal']) {
      using database = new DatabaseSync(join(here, `${mode}.db`));
      database.exec(`PRAGMA journal_mode=${mode}; CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)`);
      const insert = database.prepare('INSERT INTO t (b) VALUES (?)');
      for (let index = 0; index < 50; index++) insert.run(`row ${index}`);
      expect(database.prepare('SELECT count(*) AS n FROM t').get()).toEqual({ n: 50 });
      expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
    }
    shell('rm -rf repo *.db*', here);
  });

  test('callers are who they are to the server', () => {
    mkdirSync(join(here, 'who'));
    chmodSync(join(here, 'who'), 0o777);
    const as = (user: string, script: string) =>
      shell(`setpriv ${user} sh -ec '${script}' 2>&1 || echo "exit $?"`, join(here, 'who'));
    as('--reuid 1000 --regid 1000 --clear-groups', 'echo mine > u; mkdir d; chmod 700 d');
    expect([statSync(join(there, 'who/u')).uid, statSync(join(there, 'who/u')).gid]).toEqual([1000, 1000]);
    expect(as('--reuid 1001 --regid 1001 --clear-groups', 'ls d')).toMatch(/Permission denied/);
    expect(as('--reuid 1001 --regid 1001 --clear-groups', 'rm -f /dev/null/x; echo x > u')).toMatch(
      /Permission denied/,
    );
    mkdirSync(join(here, 'who/team'));
    chownSync(join(here, 'who/team'), 0, 2000);
    chmodSync(join(here, 'who/team'), 0o770);
    expect(as('--reuid 1002 --regid 1002 --groups 2000,3000', 'echo x > team/f; cat team/f')).toBe('x\n');
    rmSync(join(here, 'who'), { recursive: true });
  });

  test('names are bytes, and too long ones are refused', () => {
    const name = Buffer.concat([Buffer.from(`${here}/`), Buffer.from([0x63, 0xe9, 0xff, 0x0a])]);
    writeFileSync(name, 'bytes');
    expect(
      readdirSync(Buffer.from(there), 'buffer').some((entry) => entry.equals(name.subarray(here.length + 1))),
    ).toBe(true);
    expect(readFileSync(name, 'utf8')).toBe('bytes');
    unlinkSync(name);
    expect(code(() => writeFileSync(join(here, 'n'.repeat(256)), ''))).toBe('ENAMETOOLONG');
    expect(code(() => mkdirSync(join(here, 'n'.repeat(256))))).toBe('ENAMETOOLONG');
  });

  test('random reads, writes, cuts, mappings and re-opens agree with a model', () => {
    for (const seed of [1, 2, 3]) exerciseFile(join(here, `exercised-${seed}`), { seed, operations: 400 });
    shell('rm exercised-*', here);
  });

  test('several processes write parts of one file at a time', async () => {
    const part = `const fs = require('fs'); const [file, n] = process.argv.slice(1);
      const fd = fs.openSync(file, 'r+'); const block = Buffer.alloc(4096, Number(n) + 1);
      for (let i = 0; i < 64; i++) fs.writeSync(fd, block, 0, 4096, (i * 4 + Number(n)) * 4096);
      fs.closeSync(fd);`;
    const file = join(here, 'parts');
    writeFileSync(file, '');
    const writers = [0, 1, 2, 3].map((n) =>
      spawn(process.execPath, ['-e', part, file, String(n)], { stdio: 'inherit' }),
    );
    for (const [exit] of await Promise.all(writers.map((writer) => once(writer, 'exit')))) expect(exit).toBe(0);
    const data = readFileSync(join(there, 'parts'));
    expect(data.length).toBe(4 * 64 * 4096);
    for (let block = 0; block < 256; block++)
      expect(data.subarray(block * 4096, (block + 1) * 4096).every((byte) => byte === (block % 4) + 1)).toBe(true);
    unlinkSync(file);
  });

  test('fsync and fstat of an open file, statfs, flock and special files', () => {
    const fd = openSync(join(here, 'plain'), 'w+', 0o400);
    writeSync(fd, 'abc');
    fsyncSync(fd);
    ftruncateSync(fd, 2);
    expect(fstatSync(fd).size).toBe(2);
    closeSync(fd);
    expect(statfsSync(here).blocks).toBeGreaterThan(0);
    expect(
      shell('flock plain echo locked; mkfifo fifo; stat -c %F fifo; cat fifo & echo through > fifo; wait', here),
    ).toBe('locked\nfifo\nthrough\n');
    shell('rm -f plain fifo', here);
  });
});
