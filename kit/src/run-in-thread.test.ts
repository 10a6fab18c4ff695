import { expect, test } from 'vitest';
import { runInThread, ThreadTooLong } from './run-in-thread.ts';

const program = (text: string) =>
  new URL(
    `data:text/javascript,${encodeURIComponent(`import { parentPort, workerData } from 'node:worker_threads'; ${text}`)}`,
  );
const work = { name: 'a thread', data: 7, mostCpuMs: 60_000, mostMegabytes: 64 };

test("a thread's first message is its answer", async () => {
  expect(await runInThread(program('parentPort.postMessage(workerData + 1); for (;;);'), work)).toBe(8);
});

test('a thread is ended by the processor time that it used, not by the time that it waited', async () => {
  const limited = { ...work, mostCpuMs: 1000 };
  await expect(runInThread(program('for (;;);'), limited)).rejects.toThrow(ThreadTooLong);
  const waits = program("setTimeout(() => parentPort.postMessage('waited'), 2000);");
  expect(await runInThread(waits, limited)).toBe('waited');
});

test('a thread that fails, ends without a word or is no longer wanted is told', async () => {
  await expect(runInThread(program("throw new Error('broken')"), work)).rejects.toThrow('broken');
  await expect(runInThread(program(''), work)).rejects.toThrow('the thread ended');
  const stop = new AbortController();
  const running = runInThread(program('for (;;);'), { ...work, signal: stop.signal });
  stop.abort(new Error('gone'));
  await expect(running).rejects.toThrow('gone');
  await expect(runInThread(program(''), { ...work, signal: stop.signal })).rejects.toThrow('gone');
});
