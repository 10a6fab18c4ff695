import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { abortable } from './deadline.ts';

test('work that fails after its signal had aborted does not end the process', async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', note);
  const work = Promise.reject(new Error('cancelled'));
  await expect(abortable(work, AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
  // A rejection counts as unhandled once the microtasks have run.
  await setImmediate();
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});
