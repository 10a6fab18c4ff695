import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type InProcessDriver, startInProcess } from '../harness/in-process-driver.ts';
import { checkKept, checkNothingLeft, make, repeat, undisturbed } from '../harness/life-checks.ts';
import { type LifeKind, lifeOf, plainKinds } from '../harness/life-kinds.ts';
import { lifePlace } from '../harness/life-place.ts';

/** Thorough where asked. */
const every = process.env['BERTH_EVERY_FAILPOINT'] === '1';
const limitMs = every ? 3_600_000 : 600_000;
const quiet = () => undefined;

async function acknowledged(answer: unknown): Promise<void> {
  if (typeof answer === 'function') answer();
}

for (const [what, kind] of Object.entries(plainKinds)) {
  test(
    `${what}: a driver that is started anew between any two calls knows all that was answered`,
    {
      timeout: limitMs,
    },
    () =>
      undisturbed(async () => {
        using place = await lifePlace(kind.poolFs);
        const log: string[] = [];
        const start = () => startInProcess({ ...place, log: (line) => log.push(line) });
        const count = lifeOf({ kind, folder: place.folder, name: 'none' }).steps.length;
        // Between every two calls of one life; where asked also between each two of a life of its own.
        for (const at of [...(every ? Array(count).keys() : []), 'everywhere'] as const) {
          let driver = await start();
          const life = lifeOf({ kind, folder: place.folder, name: `life-${at}` });
          for (const [i, step] of life.steps.entries()) {
            if (i === at || at === 'everywhere') {
              await driver[Symbol.asyncDispose]();
              driver = await start();
              await checkKept(driver, life, { step, log, pool: place.pool });
              // The call before it again, as by a caller to whom its answer was lost. A deletion ends what the others need.
              const before = life.steps[i - 1];
              if (before && !/^(read|write)/.test(before.what)) await acknowledged(await make(before, driver));
            }
            await acknowledged(await make(step, driver));
          }
          await checkNothingLeft(driver, life, place);
          await driver[Symbol.asyncDispose]();
        }
      }),
  );

  test(
    `${what}: calls that are cancelled or run out of time at any moment are completed by their repetition`,
    {
      timeout: limitMs,
    },
    () =>
      undisturbed(async () => {
        using place = await lifePlace(kind.poolFs);
        await using driver = await startInProcess({ ...place, log: quiet });
        for (let round = 0; round < (every ? 60 : 6); round++) {
          const life = lifeOf({ kind, folder: place.folder, name: `life-${round}` });
          for (const step of life.steps) {
            await Promise.allSettled([step.run(impatient(driver, { after: round * 1.4, cancel: round % 2 === 0 }))]);
            await acknowledged(await repeat(step, driver));
          }
          await checkNothingLeft(driver, life, place);
        }
      }),
  );

  test(
    `${what}: 64 calls at once: of one volume they are OK or ABORTED, of different ones all are OK`,
    {
      timeout: limitMs,
    },
    () =>
      undisturbed(async () => {
        using place = await lifePlace(kind.poolFs, 4096);
        await using driver = await startInProcess({ ...place, log: quiet });
        const one = lifeOf({ kind, folder: place.folder, name: 'one' });
        for (const step of one.steps) {
          const calls = /^(read|write)/.test(step.what) ? 1 : 64;
          const answers = await Promise.allSettled(Array.from({ length: calls }, () => step.run(driver)));
          const codes = new Set(answers.map((a) => (a.status === 'fulfilled' ? 'OK' : String(a.reason.code))));
          expect(
            [...codes].filter((code) => code !== 'OK' && code !== 'ABORTED'),
            step.what,
          ).toEqual([]);
          await acknowledged(await repeat(step, driver));
        }
        await checkNothingLeft(driver, one, place);
        const lives = Array.from({ length: 64 }, (_, i) =>
          lifeOf({ kind: small(kind), folder: place.folder, name: `v${i}`, isShort: true }),
        );
        await Promise.all(
          lives.map(async (life) => {
            for (const step of life.steps) await acknowledged(await make(step, driver));
          }),
        );
        for (const life of lives) await checkNothingLeft(driver, life, place);
      }),
  );
}

function small(kind: LifeKind): LifeKind {
  return { ...kind, mib: Math.min(kind.mib, 8) };
}

/** Calls that nobody waits for as long as they take. */
function impatient(driver: InProcessDriver, { after, cancel }: { after: number; cancel: boolean }): InProcessDriver {
  const hurried = <T extends object>(client: T): T =>
    Object.fromEntries(
      Object.entries(client).map(([name, call]) => [
        name,
        (request: object) => {
          if (!cancel) return call(request, { timeoutMs: Math.max(1, Math.round(after)) });
          const controller = new AbortController();
          setTimeout(() => controller.abort(), after);
          return call(request, { signal: controller.signal });
        },
      ]),
    ) as T;
  return { ...driver, controller: hurried(driver.controller), node: hurried(driver.node) };
}

test("two volumes are in nobody else's way: a call that takes long keeps no other one waiting", async () => {
  using place = await lifePlace();
  await using driver = await startInProcess({ ...place, log: quiet });
  const volumeCapabilities = [{ mount: {}, accessMode: { mode: 'SINGLE_NODE_WRITER' as const } }];
  const { volume } = await driver.controller.CreateVolume({ name: 'large', volumeCapabilities });
  const { volumeId } = volume!;
  const data = join(place.pool, 'volumes', volumeId);
  for (let i = 0; i < 3000; i++) {
    if (i % 100 === 0) mkdirSync(join(data, String(i)));
    writeFileSync(join(data, String(i - (i % 100)), `file-${i}`), 'x'.repeat(3000));
  }
  let copied = false;
  const copying = driver.controller.CreateSnapshot({ name: 'snap', sourceVolumeId: volumeId }).finally(() => {
    copied = true;
  });
  let others = 0;
  while (!copied) {
    const { volume: other } = await driver.controller.CreateVolume({ name: `other-${others}`, volumeCapabilities });
    await driver.controller.DeleteVolume({ volumeId: other!.volumeId });
    others++;
  }
  await copying;
  expect(others).toBeGreaterThan(2);
});
