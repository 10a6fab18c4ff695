import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DriverProcess } from '../../harness/driver-process.ts';
import { median, type Table } from '../table.ts';
import { benchFolder, create, mountCapability, places, startBuilt } from './a-driver.ts';
import { rate, took } from './rates.ts';

const few = 100;
const some = 10_000;
const many = 100_000;
const calls = 150;
/** Two seconds after its last work a process gives memory back, at most every twenty; V8 keeps free pages for eight. */
const untilRestMs = 35_000;

/** Whether a call costs more where more volumes are: the same calls at two drivers, in turns. */
export async function benchScale(table: Table, rounds: number): Promise<void> {
  using smallPlace = benchFolder();
  using largePlace = benchFolder();
  await using small = await startBuilt(smallPlace.folder);
  await fill(small, 0, few);
  {
    await using large = await startBuilt(largePlace.folder);
    await fill(large, 0, some);
    table.record(`RSS right after making ${some} volumes, 64 at once`, '–', '–', `${rssMb(large).toFixed(0)} MB`);
    await sleep(untilRestMs);
    table.record(`RSS with ${some} volumes, at rest`, '≤ 80 MB', '–', `${rssMb(large).toFixed(0)} MB`);
    await fill(large, some, many);
  }
  let driver = await startBuilt(largePlace.folder);
  const starts: number[] = [];
  for (let round = 0; round < Math.min(rounds, 3); round++) {
    await driver[Symbol.asyncDispose]();
    starts.push(
      await took(async () => {
        driver = await startBuilt(largePlace.folder);
        await driver.identity.Probe({});
      }),
    );
  }
  await using large = driver;
  table.record(`start with ${many} volumes`, '≤ 1000 ms', '–', `${median(starts).toFixed(0)} ms`);
  // The first calls of a process pay for the compiler, the small driver's as well as the large one's.
  const warmUp = (one: DriverProcess) => (i: number) => create(one, `warm-up-${i}`);
  await inTurns([warmUp(small), warmUp(large)]);
  for (const [name, call] of Object.entries(operations)) {
    const times = await inTurns([call(small, smallPlace.folder, few), call(large, largePlace.folder, many)]);
    const [atFew, atMany] = times.map(median) as [number, number];
    const measured = `${atFew.toFixed(2)} → ${atMany.toFixed(2)} ms, × ${(atMany / atFew).toFixed(2)}`;
    table.record(`${name} at ${few} → ${many} volumes`, '≤ × 1.25', '–', measured);
  }
  await sleep(untilRestMs);
  table.record(`RSS with ${many} volumes, at rest after that`, '–', '–', `${rssMb(large).toFixed(0)} MB`);
}

async function fill(driver: DriverProcess, from: number, to: number): Promise<void> {
  await rate(to - from, 64, (i) => create(driver, `v-${from + i}`));
}

type Call = (index: number) => Promise<unknown>;

const operations: Readonly<Record<string, (driver: DriverProcess, folder: string, count: number) => Call>> = {
  CreateVolume: (driver) => (i) => create(driver, `new-${i}`),
  'CreateVolume again': (driver, _folder, count) => (i) => create(driver, `v-${(i * 7919) % count}`),
  ControllerGetVolume: (driver) => {
    const ids = new Map<number, Promise<string>>();
    return async (i) => {
      const id = ids.get(i % 5) ?? create(driver, `v-${i % 5}`);
      ids.set(i % 5, id);
      await driver.controller.ControllerGetVolume({ volumeId: await id });
    };
  },
  'ListVolumes, a page of 100 in the middle': (driver, _folder, count) => {
    const startingToken = `after-${Math.max(0, Math.floor(count / 2) - 100)}`;
    return () => driver.controller.ListVolumes({ maxEntries: 100, startingToken });
  },
  GetCapacity: (driver) => () => driver.controller.GetCapacity({ volumeCapabilities: [mountCapability()] }),
  'Stage, publish, unpublish, unstage': (driver, folder) => async (i) => {
    const own = places(folder, await create(driver, `v-${i % 50}`));
    await driver.node.NodeStageVolume(own);
    await driver.node.NodePublishVolume(own);
    await driver.node.NodeUnpublishVolume(own);
    await driver.node.NodeUnstageVolume(own);
  },
  ControllerExpandVolume: (driver) => async (i) => {
    const volumeId = await create(driver, `new-${i}`);
    await driver.controller.ControllerExpandVolume({ volumeId, capacityRange: { requiredBytes: String(2 ** 21) } });
  },
  DeleteVolume: (driver) => async (i) => {
    const own = await create(driver, `gone-${i}`);
    await driver.controller.DeleteVolume({ volumeId: own });
  },
};

async function inTurns(sides: readonly [Call, Call]): Promise<number[][]> {
  const times: number[][] = [[], []];
  for (let i = 0; i < calls; i++) {
    for (const [side, call] of sides.entries()) times[side]?.push(await took(() => call(i)));
  }
  return times;
}

function rssMb({ child }: DriverProcess): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}
