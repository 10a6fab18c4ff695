import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isErrno, linuxMounter } from '@berth/linux';
import { expect, test } from 'vitest';
import { exerciseFile } from '../harness/file-exerciser.ts';

const program = join(import.meta.dirname, '../harness/serve-memory.ts');

/** A file system in memory, served by a process of its own through the real device. */
async function mountMemory(validMs = 1000) {
  const path = mkdtempSync(join(tmpdir(), 'berth-fuse-memory-'));
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, path, String(validMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  // With all that it told.
  const ended = once(child, 'close');
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await Promise.race([once(child.stdout, 'data'), ended]);
  const lastTold = () => JSON.parse(text.trim().split('\n').at(-1) ?? '') as { open: number; isDisposed: boolean };
  const told = async () => {
    const heard = once(child.stdout, 'data');
    child.kill('SIGUSR2');
    await heard;
    return lastTold();
  };
  const unmount = async () => {
    // The kernel gives files back behind close(2), and forgets those it has not come to where it is unmounted.
    await expect.poll(async () => (await told()).open).toBe(0);
    linuxMounter.unmount(path);
    await ended;
    return lastTold();
  };
  return {
    path,
    unmount,
    [Symbol.asyncDispose]: async () => {
      try {
        linuxMounter.unmount(path, { lazy: true, force: true });
      } catch (error) {
        if (!isErrno(error, 'EINVAL')) throw error;
      }
      await ended;
      rmSync(path, { recursive: true });
    },
  };
}

function shell(script: string, cwd: string): string {
  return execFileSync('sh', ['-ec', script], { cwd, encoding: 'utf8', timeout: 50_000 });
}

test.each([0, 60_000])('what the kernel believes for %i ms is a file system like any other', async (validMs) => {
  await using memory = await mountMemory(validMs);
  const { path } = memory;
  shell(
    `mkdir -p a/b/c; echo one > a/b/c/f; ln -s b a/l; ln a/b/c/f a/h; cp -a a copy; diff -r a copy
     mv copy/b/c/f copy/g; test "$(cat copy/g)" = one; chmod 600 copy/g; touch -d 2001-01-01 copy/g
     test "$(stat -c '%a %Y' copy/g)" = "600 978307200"; tar c a | tar x -C copy; diff -r a copy/a`,
    path,
  );
  const names = Array.from({ length: 3000 }, (_, index) => `entry ${index}`);
  mkdirSync(join(path, 'many'));
  for (const name of names) writeFileSync(join(path, 'many', name), '');
  expect(readdirSync(join(path, 'many')).sort()).toEqual(names.sort());
  const data = Buffer.alloc(5_000_001, 'pattern');
  writeFileSync(join(path, 'large'), data);
  expect(readFileSync(join(path, 'large')).equals(data)).toBe(true);
  exerciseFile(join(path, 'exercised'), { seed: 7, operations: 300 });
  expect(statfsSync(path).blocks).toBe(1000);
  shell('rm -rf a copy many large exercised; test -z "$(ls -A)"', path);
  expect(statSync(path).nlink).toBeGreaterThan(0);
  expect(await memory.unmount()).toEqual({ open: 0, isDisposed: true });
});

test('many programs at a time are served side by side', async () => {
  await using memory = await mountMemory(0);
  shell(
    `for i in $(seq 1 24); do (mkdir d$i; for j in $(seq 1 40); do echo $i-$j > d$i/f$j; mv d$i/f$j d$i/g$j; done; ls d$i | wc -l > n$i) & done; wait
     test "$(cat n* | sort -u)" = 40`,
    memory.path,
  );
  expect(await memory.unmount()).toEqual({ open: 0, isDisposed: true });
});

test('permissions are checked by mode before anybody is asked', async () => {
  await using memory = await mountMemory();
  shell('mkdir closed; chmod 700 closed; echo x > closed/f; echo x > open; chmod 604 open', memory.path);
  const as = (script: string) =>
    shell(`setpriv --reuid 1000 --regid 1000 --clear-groups sh -c '${script}' 2>&1 || true`, memory.path);
  expect(as('cat open')).toBe('x\n');
  expect(as('cat closed/f')).toMatch(/Permission denied/);
  expect(as('echo y > open')).toMatch(/Permission denied/);
  expect(as('echo y > new')).toMatch(/Permission denied/);
});
