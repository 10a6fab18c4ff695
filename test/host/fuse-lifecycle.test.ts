import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@berth/kit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mountShare } from '../harness/fuse-share.ts';
import { Ganesha } from '../harness/ganesha.ts';

let server: Ganesha;

beforeAll(async () => {
  server = await Ganesha.start();
});
afterAll(() => server?.[Symbol.asyncDispose]());

const mount = (flags: readonly string[] = [], subDir = '') =>
  mountShare({ server: server.host, share: '/share', subDir }, flags);

async function until(condition: () => boolean, lookMs = 20): Promise<void> {
  const endMs = systemClock.monotonicMs() + 60_000;
  while (!condition()) {
    if (systemClock.monotonicMs() > endMs) throw new Error(`still not so: ${condition}`);
    await systemClock.sleep(lookMs);
  }
}

/** Processes that serve mounts of this test's server. */
function serving(): string[] {
  const commands = readdirSync('/proc').map((pid) => {
    try {
      return readFileSync(join('/proc', pid, 'cmdline'), 'utf8');
    } catch {
      return '';
    }
  });
  return commands.filter((command) => command.includes('nfs-mount') && command.includes(`"${server.host}"`));
}

function code(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

/** A program in the mount: this process would wait where it must go on. It has `ended` with all that it told. */
function program(source: string, cwd: string) {
  // Not by spawn's `cwd`: this process waits until the child is where it is to be.
  const inside = `process.chdir(${JSON.stringify(cwd)});${source}`;
  const child = spawn(process.execPath, ['-e', inside], { stdio: ['pipe', 'pipe', 'ignore'] });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return { child, ended: once(child, 'close'), text: () => text };
}

const blocks = 300;
const blockBytes = 65536;
/** Writes until the file `enough` is there, and so many blocks at least: it is never done before the server goes. */
const writer = (
  enough: string,
) => `const fs = require('fs'); const fd = fs.openSync('written', 'w'); const block = Buffer.alloc(${blockBytes});
for (let i = 0; i < ${blocks} || !fs.existsSync(${JSON.stringify(enough)}); i++) { block.fill(i & 255); fs.writeSync(fd, block); console.log(i); if (i % 50 === 49) fs.fsyncSync(fd); }
fs.closeSync(fd);`;

describe.each(['3', '4.1', '4.2'])('a server of NFSv%s that goes and comes back', (version) => {
  test('delays who writes, and loses nothing that was written', async () => {
    await using share = await mount([`nfsvers=${version}`]);
    const enough = join(server.folder, `enough-${version}`);
    const { ended, text } = program(writer(enough), share.path);
    await until(() => text().split('\n').length > 70);
    await server.killServer();
    writeFileSync(enough, '');
    await systemClock.sleep(300);
    await server.startServer();
    expect(await ended).toEqual([0, null]);
    const written = text().trimEnd().split('\n').length;
    expect(written).toBeGreaterThanOrEqual(blocks);
    const data = readFileSync(join(server.root, 'written'));
    expect(data.length).toBe(written * blockBytes);
    for (let block = 0; block < written; block++) {
      const there = data.subarray(block * blockBytes, (block + 1) * blockBytes);
      expect(there.equals(Buffer.alloc(blockBytes, block & 255)), `block ${block}`).toBe(true);
    }
    await share.unmount();
    await until(() => share.pid() === undefined);
  });
});

test('who waits for a dead server can be killed, a signal it handles interrupts nothing, and force takes the mount away', async () => {
  await using share = await mount();
  const onGo = (what: string) =>
    `process.on('SIGUSR2', () => undefined); console.log('on');
     process.stdin.once('data', () => { try { ${what} } catch (e) { console.log(e.code) } process.exit() })`;
  const waiting = program(onGo("require('fs').statSync('absent')"), share.path);
  // In a directory of its own: the kernel lets nobody else look for a name while one is made there.
  mkdirSync(join(share.path, 'own'));
  const stuck = program(onGo("require('fs').writeFileSync('own/stuck', 'x')"), share.path);
  const writing = program(`${writer(join(server.folder, 'never'))} process.exit(0)`, share.path);
  await until(() => waiting.text() === 'on\n' && stuck.text() === 'on\n' && writing.text().length > 100);
  await server.killServer();
  try {
    waiting.child.stdin.write('go');
    stuck.child.stdin.write('go');
    await systemClock.sleep(300);
    waiting.child.kill('SIGUSR2');
    await systemClock.sleep(500);
    expect(waiting.text()).toBe('on\n');
    waiting.child.kill('SIGKILL');
    expect(await waiting.ended).toEqual([null, 'SIGKILL']);
    await share.unmount(true);
    expect(await stuck.ended).toEqual([0, null]);
    expect(stuck.text()).toMatch(/^on\n(ENOTCONN|ECONNABORTED|EINTR|EIO)\n$/);
    expect((await writing.ended)[0]).not.toBe(0);
    expect(share.isMounted()).toBe(false);
    expect(share.pid()).toBe(undefined);
  } finally {
    await server.startServer();
  }
});

test('a soft mount says EIO, softerr ETIMEDOUT, when the time is up', async () => {
  // Which a server that others keep from its work has before it is killed, too.
  await using soft = await mount(['soft', 'timeo=20', 'retrans=1', 'noac']);
  await using softerr = await mount(['softerr', 'timeo=20', 'retrans=1', 'noac', 'nfsvers=3']);
  await server.killServer();
  try {
    expect(code(() => statSync(join(soft.path, 'absent')))).toBe('EIO');
    expect(code(() => statSync(join(softerr.path, 'absent')))).toBe('ETIMEDOUT');
  } finally {
    await server.startServer();
  }
  await until(() => code(() => statSync(join(soft.path, 'absent'))) === 'ENOENT');
});

test('the death of what serves it leaves ENOTCONN, and mounting again replaces it', async () => {
  await using share = await mount();
  writeFileSync(join(share.path, 'kept'), 'kept');
  const fd = openSync(join(share.path, 'kept'), 'r+');
  process.kill(Number(share.pid()), 'SIGKILL');
  await until(() => share.pid() === undefined);
  // The kernel may still be at it.
  await until(() => code(() => writeSync(fd, 'x')) === 'ENOTCONN');
  expect(code(() => readdirSync(share.path))).toBe('ENOTCONN');
  expect(code(() => closeSync(fd))).toBe('ENOTCONN');
  await share.unmount();
  await share.mount();
  expect(readFileSync(join(share.path, 'kept'), 'utf8')).toBe('kept');
});

test('SIGTERM takes the mount away with what serves it', async () => {
  await using share = await mount();
  process.kill(Number(share.pid()), 'SIGTERM');
  await until(() => share.pid() === undefined);
  expect(share.isMounted()).toBe(false);
});

test('SIGTERM takes the mount away from its first moment on', async () => {
  await using share = await mount();
  for (let round = 0; round < 5; round++) {
    await share.unmount();
    const mounting = share.mount().catch(() => undefined);
    await until(() => share.isMounted(), 0);
    process.kill(Number(share.pid()), 'SIGTERM');
    await mounting;
    await until(() => share.pid() === undefined);
    expect(share.isMounted()).toBe(false);
  }
});

test('a mount in use is not taken away, and its files are closed at the server when it is', async () => {
  await using share = await mount();
  const fd = openSync(join(share.path, 'open'), 'w');
  await expect(share.unmount()).rejects.toMatchObject({ code: 'EBUSY' });
  writeSync(fd, 'still');
  closeSync(fd);
  await share.unmount();
  expect(readFileSync(join(server.root, 'open'), 'utf8')).toBe('still');
  await until(() => serving().length === 0);
});

test('a sub directory is shown alone, read-only where asked; absent ones and symlinks are refused', async () => {
  mkdirSync(join(server.root, 'a', 'b'), { recursive: true });
  writeFileSync(join(server.root, 'a', 'b', 'inside'), '');
  symlinkSync('a', join(server.root, 'planted'));
  await using share = await mount(['ro'], 'a/b');
  expect(readdirSync(share.path)).toEqual(['inside']);
  expect(code(() => writeFileSync(join(share.path, 'new'), ''))).toBe('EROFS');
  await expect(mount([], 'a/absent')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(mount([], 'planted/b')).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  await expect(mount([], 'a/b/inside')).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
});

test('a server that is not there is UNAVAILABLE, and nothing stays', async () => {
  await server.killServer();
  try {
    await expect(mount()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  } finally {
    await server.startServer();
  }
  await until(() => serving().length === 0);
});
