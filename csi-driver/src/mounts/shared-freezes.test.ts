import { expect, test } from 'vitest';
import { SharedFreezes } from './shared-freezes.ts';

/** A filesystem that fails like the kernel where it is frozen twice, and whose thaw takes a while. */
function scene() {
  const log: string[] = [];
  let frozen = false;
  const freeze = async (): Promise<AsyncDisposable> => {
    if (frozen) throw new Error('frozen already');
    frozen = true;
    log.push('freeze');
    return {
      [Symbol.asyncDispose]: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        frozen = false;
        log.push('thaw');
      },
    };
  };
  const freezes = new SharedFreezes();
  return { log, freeze, hold: (key = 'a') => freezes.hold(key, freeze), freezes };
}

test('a filesystem goes on when the last who needs it to stand still is done', async () => {
  const { log, hold } = scene();
  const [first, second] = await Promise.all([hold(), hold()]);
  await first[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  expect(log).toEqual(['freeze']);
  await second[Symbol.asyncDispose]();
  expect(log).toEqual(['freeze', 'thaw']);
});

test('who comes while it is let go waits, and freezes it again', async () => {
  const { log, hold } = scene();
  const first = await hold();
  const going = first[Symbol.asyncDispose]();
  const next = await Promise.all([hold(), hold()]);
  await going;
  expect(log).toEqual(['freeze', 'thaw', 'freeze']);
  await Promise.all(next.map((one) => one[Symbol.asyncDispose]()));
  expect(log).toEqual(['freeze', 'thaw', 'freeze', 'thaw']);
});

test('a freeze that fails is told to all who waited, and tried anew by the next', async () => {
  const { freezes, freeze } = scene();
  const failing = () => Promise.reject(new Error('EIO'));
  const results = await Promise.allSettled([freezes.hold('a', failing), freezes.hold('a', failing)]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await using _held = await freezes.hold('a', freeze);
});

test('a thaw that fails is told, and keeps nobody waiting', async () => {
  const { freezes, freeze } = scene();
  const stuck = async () => ({ [Symbol.asyncDispose]: () => Promise.reject(new Error('stuck')) });
  const held = await freezes.hold('a', stuck);
  await expect(held[Symbol.asyncDispose]()).rejects.toThrow('stuck');
  await using _next = await freezes.hold('a', freeze);
});
