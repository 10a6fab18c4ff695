import { appendFile, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@berth/kit';
import { expect, test } from 'vitest';
import type { LogOptions } from '../../node-api.ts';
import { aContainer, aPod } from '../testing/test-node.ts';
import { parseCriLine } from './cri-line.ts';
import { logTarget } from './log-target.ts';
import { readLog } from './read-log.ts';
import { rotateLog } from './rotate-logs.ts';

const at = (second: number) => `2030-01-01T00:00:${String(second).padStart(2, '0')}.000000000Z`;
const line = (second: number, text: string, tag = 'F') => `${at(second)} stdout ${tag} ${text}\n`;

async function logFile(content: string) {
  const directory = await mkdtemp(join(tmpdir(), 'berth-kubelet-logs-'));
  const path = join(directory, '0.log');
  await writeFile(path, content);
  const removeAll = () => rm(directory, { recursive: true, force: true });
  return { path, directory, [Symbol.asyncDispose]: removeAll };
}

function follow(path: string, options: LogOptions) {
  let running = true;
  let wake = () => {};
  const input = {
    path,
    options,
    clock: systemClock,
    isRunning: async () => running,
    onRuntimeChange: (listener: () => void) => {
      wake = listener;
      return { [Symbol.dispose]: () => {} };
    },
  };
  const chunks = readLog(input, AbortSignal.timeout(30_000));
  const end = () => {
    running = false;
    wake();
  };
  return { chunks, end };
}

async function read(path: string, options: LogOptions): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of follow(path, options).chunks) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

test('a log line has a time, a stream, a tag and a text', () => {
  expect(parseCriLine(Buffer.from(`${at(1)} stderr P a b`))).toMatchObject({ stream: 'stderr', partial: true });
  expect(parseCriLine(Buffer.from(`${at(1)} stdout F `))?.text.toString()).toBe('');
  for (const bad of ['', 'x', `${at(1)} stdin F x`, `${at(1)} stdout Q x`])
    expect(parseCriLine(Buffer.from(bad))).toBeUndefined();
});

test('logs shows lines with the limits asked for', async () => {
  await using log = await logFile([line(1, 'one'), line(2, 'tw', 'P'), line(2, 'o'), line(3, 'three')].join(''));
  expect(await read(log.path, {})).toBe('one\ntwo\nthree\n');
  expect(await read(log.path, { tailLines: 1 })).toBe('three\n');
  expect(await read(log.path, { tailLines: 0 })).toBe('');
  expect(await read(log.path, { tailLines: 99 })).toBe('one\ntwo\nthree\n');
  expect(await read(log.path, { timestamps: true })).toBe(`${at(1)} one\n${at(2)} two\n${at(3)} three\n`);
  expect(await read(log.path, { sinceTime: '2030-01-01T00:00:03Z' })).toBe('three\n');
  expect(await read(log.path, { limitBytes: 5 })).toBe('one\nt');
});

test('tailLines finds the end of a log of many blocks', async () => {
  const lines = Array.from({ length: 20_000 }, (_, index) => line(1, `line ${index}`));
  await using log = await logFile(lines.join(''));
  expect(await read(log.path, { tailLines: 5000 })).toMatch(/^line 15000\n/);
});

test('follow shows what comes, across a rotation, until the container has ended', async () => {
  await using log = await logFile(line(1, 'one'));
  const { chunks, end } = follow(log.path, { follow: true });
  const next = async () => Buffer.from((await chunks.next()).value ?? '').toString();
  expect(await next()).toBe('one\n');
  const second = next();
  await appendFile(log.path, line(2, 'two'));
  expect(await second).toBe('two\n');
  const third = next();
  await rename(log.path, `${log.path}.20300101-000000`);
  await writeFile(log.path, line(3, 'three'));
  expect(await third).toBe('three\n');
  const last = chunks.next();
  end();
  expect((await last).done).toBe(true);
});

test('a log that grew too large is rotated, compressed and bounded; one the runtime keeps gets its name back', async () => {
  await using log = await logFile(line(1, 'x'.repeat(100)));
  let now = Date.UTC(2030, 0, 1);
  let fail = false;
  const options = {
    runtime: {
      ReopenContainerLog: async () => {
        if (fail) throw new Error('no space left on device');
        await writeFile(log.path, '');
        return {};
      },
    },
    clock: { ...systemClock, now: () => now },
    log: undefined,
    running: () => [],
    maxBytes: 50,
    maxFiles: 3,
  } as unknown as Parameters<typeof rotateLog>[0];
  for (let round = 0; round < 4; round++) {
    now += 1000;
    await rotateLog(options, { id: 'c', logPath: log.path }, AbortSignal.timeout(30_000));
    await appendFile(log.path, line(2, 'y'.repeat(100)));
  }
  const names = (await readdir(log.directory)).sort();
  expect(names).toEqual(['0.log', '0.log.20300101-000003.gz', '0.log.20300101-000004']);
  fail = true;
  const { ino } = await stat(log.path);
  now += 1000;
  await expect(rotateLog(options, { id: 'c', logPath: log.path }, AbortSignal.timeout(30_000))).rejects.toThrow(
    'no space',
  );
  expect((await stat(log.path)).ino).toBe(ino);
  expect(await readFile(log.path, 'utf8')).toContain('yyy');
});

test("asking for logs too early is refused in kubelet's words", () => {
  const pod = aPod({ containers: [aContainer()] });
  const waiting = (reason: string) => ({
    containerStatuses: [
      { name: 'c', image: '', imageID: '', ready: false, restartCount: 0, state: { waiting: { reason } } },
    ],
  });
  const ask =
    (status: object, name = 'c', previous = false) =>
    () =>
      logTarget(pod, status, name, previous);
  expect(ask(waiting('ContainerCreating'))).toThrow('container "c" in pod "p1" is waiting to start: ContainerCreating');
  expect(ask(waiting('ImagePullBackOff'))).toThrow(
    'container "c" in pod "p1" is waiting to start: trying and failing to pull image',
  );
  expect(ask({}, 'nope')).toThrow('container nope is not valid for pod p1');
  expect(ask(waiting('x'), 'c', true)).toThrow('previous terminated container "c" in pod "p1" not found');
});
