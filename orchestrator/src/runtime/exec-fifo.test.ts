import { execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, writeSync } from 'node:fs';
import { constants, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { armFifo, releaseByFifo, wasReleased } from './exec-fifo.ts';
import { identifyProcess } from './process-id.ts';

async function aFifo() {
  const folder = await mkdtemp(join(tmpdir(), 'berth-fifo-'));
  const path = join(folder, 'exec.fifo');
  await promisify(execFile)('mkfifo', [path]);
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

test('releaseByFifo lets the process that waits at the fifo go on', async () => {
  await using fifo = await aFifo();
  const child = spawn('sh', ['-c', 'printf 0 > "$1"; exec sleep 5', 'sh', fifo.path]);
  expect(await releaseByFifo(fifo.path, identifyProcess(child.pid as number), systemClock)).toBe(true);
  expect(existsSync(fifo.path)).toBe(false);
  child.kill();
});

test('releaseByFifo counts a process that ran to its end between two looks as started', async () => {
  await using fifo = await aFifo();
  let written = false;
  const first = {
    startTicks: '0',
    // Asked for by the look at the process, after the one into the fifo: it has written meanwhile, and is gone.
    get pid() {
      if (!written) writeSync(openSync(fifo.path, constants.O_WRONLY | constants.O_NONBLOCK), '0');
      written = true;
      return 2 ** 30;
    },
  };
  expect(await releaseByFifo(fifo.path, first, systemClock)).toBe(true);
});

test('releaseByFifo refuses a process that died before it wrote', async () => {
  await using fifo = await aFifo();
  await expect(releaseByFifo(fifo.path, undefined, systemClock)).rejects.toThrow('container process is already dead');
  expect(await releaseByFifo(`${fifo.path}-none`, undefined, systemClock)).toBe(false);
});

test('releaseByFifo gives up on a process that lives and does not go on', async () => {
  await using fifo = await aFifo();
  let now = 0;
  const clock = {
    ...systemClock,
    monotonicMs: () => now,
    sleep: async () => {
      now += 1000;
    },
  };
  await expect(releaseByFifo(fifo.path, identifyProcess(process.pid), clock)).rejects.toThrow('did not go on');
});

test('wasReleased tells a byte that came through from one that met a reader who had gone', async () => {
  await using fifo = await aFifo();
  await armFifo(fifo.path);
  const readOnly = constants.O_RDONLY | constants.O_NONBLOCK;
  const reader = openSync(fifo.path, readOnly);
  const writer = openSync(fifo.path, constants.O_WRONLY | constants.O_NONBLOCK);
  closeSync(reader);
  expect(() => writeSync(writer, '0')).toThrow('EPIPE');
  expect(await wasReleased(fifo.path)).toBe(false);
  const another = openSync(fifo.path, readOnly);
  writeSync(writer, '0');
  closeSync(another);
  closeSync(writer);
  expect(await wasReleased(fifo.path)).toBe(true);
  await armFifo(`${fifo.path}-none`);
});
