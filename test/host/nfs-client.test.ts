import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { silentLogger, systemClock, systemRng } from '@berth/kit';
import {
  type ConnectNfsOptions,
  connectNfs,
  type DirectoryCursor,
  listNfsExports,
  type NfsClient,
  type NfsVersion,
} from '@berth/nfs-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Ganesha } from '../harness/ganesha.ts';

const signal = new AbortController().signal;
let server: Ganesha;

beforeAll(async () => {
  server = await Ganesha.start();
});
afterAll(() => server?.[Symbol.asyncDispose]());

function connect(options: Partial<ConnectNfsOptions> = {}): Promise<NfsClient> {
  const { host } = server;
  const injected = { clock: systemClock, rng: systemRng, log: silentLogger };
  return connectNfs(
    { host, export: server.export, uid: 0, gid: 0, privilegedPort: true, ...injected, ...options },
    signal,
  );
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  return await Array.fromAsync(source);
}

async function readAll(
  client: NfsClient,
  path: string,
  options: { offset?: number; length?: number } = {},
): Promise<Buffer> {
  return Buffer.concat(await collect(client.read(path, options, signal)));
}

const blockBytes = 8192;

/** Bytes of which no two blocks are alike, the same for the same seed. */
function pattern(seed: string, length: number): Buffer {
  const lines = Array.from({ length: blockBytes / 64 }, (_, i) => createHash('sha512').update(`${seed}${i}`).digest());
  const bytes = Buffer.alloc(length, Buffer.concat(lines));
  for (let at = 0; at + 4 <= length; at += blockBytes) bytes.writeUInt32BE(at / blockBytes, at);
  return bytes;
}

describe.each([3, 4.1, 4.2] as const)('NFSv%s on nfs-ganesha', (version: NfsVersion) => {
  let client: NfsClient;
  const top = `v${version}`;
  const local = (...names: string[]) => join(server.root, top, ...names);

  beforeAll(async () => {
    client = await connect({ version });
    await client.mkdir(top, { mode: 0o755 }, signal);
  });
  afterAll(() => client[Symbol.asyncDispose]());

  test('what is written is on the server and is read back, at any size', async () => {
    for (const size of [0, 1, 4095, 1 << 20, (1 << 20) + 1, 5_000_001]) {
      const data = pattern(`w${size}`, size);
      const chunks = [data.subarray(0, size >> 1), data.subarray(size >> 1)];
      expect(await client.write(`${top}/data`, chunks, { signal })).toBe(size);
      expect(readFileSync(local('data')).equals(data)).toBe(true);
      expect((await readAll(client, `${top}/data`)).equals(data)).toBe(true);
    }
    expect(await client.stat(`${top}/data`, signal)).toMatchObject({ type: 'file', sizeBytes: 5_000_001, mode: 0o644 });
  });

  test('parts of a file are written and read in place', async () => {
    const data = pattern('part', 3_000_000);
    await client.write(`${top}/part`, [data], { signal });
    await client.write(`${top}/part`, [Buffer.from('here')], { offset: 1_500_000, signal });
    data.write('here', 1_500_000);
    const range = { offset: 1_499_990, length: 1_200_000 };
    expect(
      (await readAll(client, `${top}/part`, range)).equals(data.subarray(range.offset, range.offset + range.length)),
    ).toBe(true);
    expect((await readAll(client, `${top}/part`, { offset: 2_999_998 })).equals(data.subarray(-2))).toBe(true);
    expect(await readAll(client, `${top}/part`, { offset: 9_000_000 })).toHaveLength(0);
  });

  test('leaving a read early closes the file and leaves the connection usable', async () => {
    writeFileSync(local('early'), pattern('early', 20_000_000));
    for await (const chunk of client.read(`${top}/early`, {}, signal)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect((await client.stat(`${top}/early`, signal)).sizeBytes).toBe(20_000_000);
  });

  test('exclusive creation refuses what exists and leaves it alone', async () => {
    await client.write(`${top}/once`, ['one'].map(Buffer.from), { create: 'exclusive', mode: 0o600, signal });
    const again = client.write(`${top}/once`, [Buffer.from('two')], { create: 'exclusive', signal });
    await expect(again).rejects.toMatchObject({ name: 'NfsError', code: 'EXIST' });
    expect(readFileSync(local('once'), 'utf8')).toBe('one');
    expect(statSync(local('once')).mode & 0o7777).toBe(0o600);
    const absent = client.write(`${top}/absent`, [Buffer.from('x')], { create: 'never', signal });
    await expect(absent).rejects.toMatchObject({ code: 'NOENT' });
  });

  test('names that are no UTF-8 keep their bytes', async () => {
    const name = Buffer.concat([Buffer.from(local()), Buffer.from('/caf\xe9-\xff', 'latin1')]);
    writeFileSync(name, 'bytes');
    const entries = await collect(client.readdir(top, signal));
    const found = entries.find((entry) => entry.name.startsWith('caf'));
    expect(found?.name).toBe('caf\udce9-\udcff');
    expect((await readAll(client, `${top}/${found?.name}`)).toString()).toBe('bytes');
    await client.rename(`${top}/${found?.name}`, `${top}/grüße ☃ 日本`, signal);
    expect(readdirSync(local())).toContain('grüße ☃ 日本');
  });

  test('a directory of 1,200 entries is listed page by page, each once', async () => {
    mkdirSync(local('many'));
    const names = Array.from({ length: 1200 }, (_, i) => `entry-with-a-rather-long-name-${i}`);
    for (const name of names) writeFileSync(local('many', name), '');
    const listed = await collect(client.readdir(`${top}/many`, signal));
    expect(listed.map(({ name }) => name).sort()).toEqual(names.sort());
    expect(listed.every(({ attributes }) => attributes.type === 'file')).toBe(true);
    // A cursor outlives its connection, and the entry that it is behind.
    let cursor: DirectoryCursor | undefined;
    const paged: string[] = [];
    for (let isLast = false; !isLast; ) {
      await using another = await connect({ version });
      const page = await another.readdirPage(`${top}/many`, cursor, signal);
      paged.push(...page.entries.map(({ name }) => name));
      await client.remove(`${top}/many/${paged.at(-1)}`, signal);
      [cursor, isLast] = [page.next, page.end];
    }
    expect(paged.sort()).toEqual(names);
    await client.removeTree(`${top}/many`, signal);
    expect(existsSync(local('many'))).toBe(false);
  });

  test('directories, links, renames and attributes are what the filesystem shows', async () => {
    await client.mkdir(`${top}/a/b/c`, { recursive: true, mode: 0o750 }, signal);
    await client.mkdir(`${top}/a/b/c`, { recursive: true }, signal);
    expect(statSync(local('a/b')).mode & 0o7777).toBe(0o750);
    await client.write(`${top}/a/f`, [Buffer.from('hello')], { signal });
    await client.link(`${top}/a/f`, `${top}/a/g`, signal);
    await client.symlink(`${top}/a/s`, '../no/where', signal);
    expect(await client.readlink(`${top}/a/s`, signal)).toBe('../no/where');
    expect(readlinkSync(local('a/s'))).toBe('../no/where');
    expect((await client.stat(`${top}/a/s`, signal)).type).toBe('symlink');
    expect((await client.stat(`${top}/a/g`, signal)).links).toBe(2);
    const modifiedNs = 1_234_567_890_123_456_789n;
    await client.setattr(`${top}/a/f`, { uid: 1234, gid: 5678, sizeBytes: 2 }, signal);
    // Only now: a change of owner or size takes the set-id bits away.
    await client.setattr(`${top}/a/f`, { mode: 0o4711, modifiedNs, accessedNs: 'now' }, signal);
    const { mode, uid, gid, size, mtimeNs } = lstatSync(local('a/f'), { bigint: true });
    expect([mode & 0o7777n, uid, gid, size, mtimeNs]).toEqual([0o4711n, 1234n, 5678n, 2n, modifiedNs]);
    expect(await client.stat(`${top}/a/f`, signal)).toMatchObject({
      uid: 1234,
      gid: 5678,
      mode: 0o4711,
      sizeBytes: 2,
      modifiedNs,
    });
    await client.rename(`${top}/a/f`, `${top}/a/b/f`, signal);
    await client.remove(`${top}/a/g`, signal);
    expect(readdirSync(local('a')).sort()).toEqual(['b', 's']);
  });

  test('remove takes no directory, rmdir nothing else and nothing full', async () => {
    await client.mkdir(`${top}/d/e`, { recursive: true }, signal);
    await client.write(`${top}/d/f`, [Buffer.from('x')], { signal });
    await expect(client.remove(`${top}/d/e`, signal)).rejects.toMatchObject({ code: 'ISDIR' });
    await expect(client.rmdir(`${top}/d/f`, signal)).rejects.toMatchObject({ code: 'NOTDIR' });
    await expect(client.rmdir(`${top}/d`, signal)).rejects.toMatchObject({ code: 'NOTEMPTY' });
    await expect(client.rmdir(`${top}/no`, signal)).rejects.toMatchObject({ code: 'NOENT' });
    await expect(client.mkdir(`${top}/d`, {}, signal)).rejects.toMatchObject({ code: 'EXIST' });
    expect(readdirSync(local('d')).sort()).toEqual(['e', 'f']);
  });

  test('no symlink is followed, on the way or at the end', async () => {
    mkdirSync(local('outside'));
    writeFileSync(local('outside', 'secret'), 'secret');
    symlinkSync(local('outside'), local('trap'));
    symlinkSync(local('outside', 'secret'), local('lure'));
    await expect(client.stat(`${top}/trap/secret`, signal)).rejects.toMatchObject({ code: 'SYMLINK' });
    await expect(client.mkdir(`${top}/trap/x`, {}, signal)).rejects.toMatchObject({ code: 'SYMLINK' });
    await expect(readAll(client, `${top}/lure`)).rejects.toMatchObject({ code: 'SYMLINK' });
    await expect(client.write(`${top}/lure`, [Buffer.from('x')], { signal })).rejects.toMatchObject({
      code: 'SYMLINK',
    });
    await expect(client.setattr(`${top}/lure`, { mode: 0 }, signal)).rejects.toMatchObject({ code: 'SYMLINK' });
    await client.removeTree(`${top}/trap`, signal);
    mkdirSync(local('tree', 'deep'), { recursive: true });
    symlinkSync(local('outside'), local('tree', 'deep', 'trap'));
    await client.removeTree(`${top}/tree`, signal);
    expect(existsSync(local('tree'))).toBe(false);
    expect(readFileSync(local('outside', 'secret'), 'utf8')).toBe('secret');
  });

  test('a tree is copied with its modes, owners, times, links and special files, and measured like du', async () => {
    mkdirSync(local('from', 'sub'), { recursive: true });
    writeFileSync(local('from', 'sub', 'big'), pattern('big', 2_500_000), { mode: 0o640 });
    writeFileSync(local('from', 'one'), 'one');
    writeFileSync(local('from', 'empty'), '');
    execFileSync(
      'sh',
      ['-c', 'ln one two; ln -s ../x sub/link; mkfifo pipe; chmod 02770 sub; touch -d @1000000000.5 one sub'],
      { cwd: local('from') },
    );
    chownSync(local('from', 'sub', 'big'), 42, 43);
    const result = await client.copyTree(`${top}/from`, `${top}/to`, signal);
    expect(result).toMatchObject({ directories: 2, bytes: 2_500_003 });
    const { clone, server, client: through } = result.methods;
    expect(clone + server + through).toBe(2);
    // Without the time of symlinks, which the server can't set.
    const format = ['(', '-type', 'l', '-printf', '%P -> %l\\n', ')', '-o', '-printf', '%P %y %m %U %G %n %T@\\n'];
    const listing = (name: string) =>
      execFileSync('find', ['.', ...format], { cwd: local(name), encoding: 'utf8' })
        .split('\n')
        .sort();
    expect(listing('to')).toEqual(listing('from'));
    expect(readFileSync(local('to/sub/big')).equals(pattern('big', 2_500_000))).toBe(true);
    await expect(client.copyTree(`${top}/from`, `${top}/to`, signal)).rejects.toMatchObject({ code: 'EXIST' });
    await expect(client.copyTree(`${top}/from`, `${top}/from/sub/x`, signal)).rejects.toMatchObject({ code: 'INVAL' });
    const du = Number(execFileSync('du', ['-s', '-B1', local('from')], { encoding: 'utf8' }).split('\t')[0]);
    expect((await client.du(`${top}/from`, signal)).usedBytes).toBe(du);
    await client.removeTree(`${top}/to`, signal);
    await client.removeTree(`${top}/to`, signal);
  });

  test('a file is copied once, and over another only when asked', async () => {
    writeFileSync(local('src'), pattern('src', 1_000_000), { mode: 0o755 });
    expect(await client.copy(`${top}/src`, `${top}/dst`, { signal })).toMatchObject({ bytes: 1_000_000 });
    expect(readFileSync(local('dst')).equals(pattern('src', 1_000_000))).toBe(true);
    expect(statSync(local('dst')).mode & 0o7777).toBe(0o755);
    writeFileSync(local('src'), 'short');
    await expect(client.copy(`${top}/src`, `${top}/dst`, { signal })).rejects.toMatchObject({ code: 'EXIST' });
    await client.copy(`${top}/src`, `${top}/dst`, { overwrite: true, signal });
    expect(readFileSync(local('dst'), 'utf8')).toBe('short');
  });

  test('the filesystem is as large as the server says', async () => {
    const { bytes, files } = await client.statfs('/', signal);
    const own = Number(
      execFileSync('stat', ['-f', '-c', '%b %S', server.root], { encoding: 'utf8' })
        .split(' ')
        .reduce((a, b) => String(Number(a) * Number(b)), '1'),
    );
    expect(bytes.total).toBe(own);
    expect(bytes.available).toBeLessThanOrEqual(bytes.free);
    expect(files.total).toBeGreaterThan(0);
  });

  test('a killed server that comes back finds the client going on where it was', async () => {
    const data = pattern('crash', 24_000_000);
    async function* slowly() {
      for (let at = 0; at < data.length; at += 1_000_000) {
        if (at === 12_000_000) {
          await server.killServer();
          await server.startServer();
        }
        yield data.subarray(at, at + 1_000_000);
      }
    }
    expect(await client.write(`${top}/crash`, slowly(), { signal })).toBe(data.length);
    expect(readFileSync(local('crash')).equals(data)).toBe(true);
    expect((await readAll(client, `${top}/crash`)).equals(data)).toBe(true);
  });

  test('sparse files show their data and space can be reserved with NFSv4.2, and is NOTSUPP before', async () => {
    writeFileSync(local('sparse'), 'x');
    truncateSync(local('sparse'), 4 << 20);
    writeFileSync(local('sparse'), 'y', { flag: 'r+' });
    const ranges = await collect(client.dataRanges(`${top}/sparse`, signal));
    const covered = ranges.reduce((sum, { length }) => sum + length, 0);
    expect(ranges[0]?.offset).toBe(0);
    const allocating = client.allocate(`${top}/sparse`, { offset: 0, length: 1 << 20 }, signal);
    if (version < 4.2) {
      await expect(allocating).rejects.toMatchObject({ code: 'NOTSUPP' });
      expect(covered).toBe(4 << 20);
      return;
    }
    await allocating;
    expect(statSync(local('sparse')).blocks * 512).toBeGreaterThanOrEqual(1 << 20);
    expect(covered).toBe(4096);
  });
});

test('auto finds the newest version; a path that is not exported is refused', async () => {
  await using client = await connect();
  expect(client.version).toBe(4.2);
  await expect(connect({ version: 4.1, export: '/nowhere' })).rejects.toMatchObject({ code: 'NOENT' });
  await expect(connect({ version: 3, export: '/nowhere' })).rejects.toMatchObject({ code: 'ACCESS' });
});

test('another user gets what the modes allow and no more', async () => {
  mkdirSync(join(server.root, 'private'), { mode: 0o700 });
  await using client = await connect({ uid: 1234, gid: 1234, privilegedPort: false });
  await expect(client.mkdir('private/x', {}, signal)).rejects.toMatchObject({ code: 'ACCESS' });
  await expect(client.setattr('private', { mode: 0o777 }, signal)).rejects.toMatchObject({ code: 'PERM' });
});

test.each([3, 4.1] as const)('NFSv%s: an export for ports below 1024 takes calls from there alone', async (version) => {
  await using client = await connect({ version, export: '/secure', privilegedPort: true });
  await client.mkdir(`from-${version}`, {}, signal);
  const refused = connect({ version, export: '/secure', privilegedPort: false });
  await expect(refused).rejects.toMatchObject({ name: 'NfsError' });
});

test('an open file outlives a restart without waiting for the grace period, as new ones must', async () => {
  await using strict = await Ganesha.start({ hasGrace: true });
  await using client = await connect({ version: 4.1, host: strict.host });
  const at = { dir: client.protocol.root, name: 'open' };
  const file = await client.protocol.open(at, { access: 'both', create: 'ifAbsent' }, signal);
  const write = (text: string, offset: number) => file.write({ offset, data: Buffer.from(text), stability: 2 }, signal);
  await write('before', 0);
  await strict.killServer();
  await strict.startServer();
  const order: string[] = [];
  const others = client.protocol.open({ ...at, name: 'new' }, { access: 'write', create: 'ifAbsent' }, signal);
  const opened = others.finally(() => order.push('new open'));
  // Waited for below; where the write fails first, that is what is told.
  opened.catch(() => undefined);
  await write(' and after', 6);
  order.push('write');
  await (await opened).close(signal);
  expect(order).toEqual(['write', 'new open']);
  expect(readFileSync(join(strict.root, 'open'), 'utf8')).toBe('before and after');
  await file.close(signal);
});

test('exports are listed', async () => {
  const { host } = server;
  const injected = { clock: systemClock, rng: systemRng, log: silentLogger };
  const exports = await listNfsExports({ host, uid: 0, gid: 0, ...injected }, signal);
  expect(exports.map(({ path }) => path).sort()).toEqual(['/secure', '/share']);
});

test('a server nobody can reach is UNAVAILABLE', async () => {
  await expect(connect({ host: '127.0.0.1', nfsPort: 1, portmapPort: 1 })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  });
});
