import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { linuxMounter } from '@berth/linux';
import type { DriverProcess } from '../../harness/driver-process.ts';
import type { Table } from '../table.ts';
import { benchFolder, create, freshFolder, places, startBuilt } from './a-driver.ts';
import { perSecond, rate, repeated, took } from './rates.ts';

const volumes = 16;
const batch = 640;

/** Rates of single calls over the socket, beside a call that does nothing and beside forking mount(8). */
export async function benchCalls(table: Table, rounds: number): Promise<void> {
  using place = benchFolder();
  await using driver = await startBuilt(place.folder);
  for (const inFlight of [1, 16]) {
    const label = inFlight === 1 ? 'one at a time' : `${inFlight} in flight`;
    const probe = await repeated(rounds, () => rate(1500, inFlight, () => driver.identity.Probe({})));
    table.record(`Probe, ${label} (does nothing: the wire's own cost)`, '–', '1850; 9600', perSecond(probe));
    let made = 0;
    const creates = await repeated(rounds, () => rate(1000, inFlight, () => create(driver, `${label}-${made++}`)));
    const [target, reference] =
      inFlight === 1 ? ['≥ 800 /s', '805 (not durable)'] : ['≥ 2000 /s', '1259 (not durable)'];
    table.record(`CreateVolume directory, ${label}`, target, reference, perSecond(creates));
    const publishes = await publishRate(driver, { folder: place.folder, inFlight, rounds });
    const goal = inFlight === 1 ? ['≥ 1200 /s', '87'] : ['≥ 3000 /s', '107'];
    table.record(`NodePublishVolume, ${label}`, goal[0] as string, goal[1] as string, perSecond(publishes));
  }
  await benchMount(table, place.folder);
}

async function publishRate(
  driver: DriverProcess,
  { folder, inFlight, rounds }: { readonly folder: string; readonly inFlight: number; readonly rounds: number },
): Promise<number> {
  const staged = await Promise.all(
    Array.from({ length: volumes }, async (_, i) => {
      const id = await create(driver, `publish-${inFlight}-${i}`);
      const own = places(folder, id);
      await driver.node.NodeStageVolume(own);
      return own;
    }),
  );
  const mode = { mode: 'SINGLE_NODE_MULTI_WRITER' as const };
  const publishes = async () => {
    const targets = freshFolder(folder, 'targets');
    const request = (i: number) => {
      const own = staged[i % volumes] as (typeof staged)[number];
      const targetPath = join(targets, String(i));
      return { ...own, targetPath, volumeCapability: { ...own.volumeCapability, accessMode: mode } };
    };
    const published = await rate(batch, inFlight, (i) => driver.node.NodePublishVolume(request(i)));
    await rate(batch, volumes, (i) => driver.node.NodeUnpublishVolume(request(i)));
    return published;
  };
  // The first calls of a process pay for the compiler.
  await publishes();
  const value = await repeated(rounds, publishes);
  for (const own of staged) await driver.node.NodeUnstageVolume(own);
  return value;
}

/** The mount alone: by system call, and as other drivers do it. */
async function benchMount(table: Table, folder: string): Promise<void> {
  const [source, target] = [join(folder, 'source'), join(folder, 'target')];
  for (const path of [source, target]) mkdirSync(path);
  const forked = await took(async () => {
    for (let i = 0; i < 50; i++) {
      execFileSync('mount', ['--bind', source, target]);
      execFileSync('umount', [target]);
    }
  });
  const called = await took(async () => {
    for (let i = 0; i < 2000; i++) {
      linuxMounter.bind(source, target);
      linuxMounter.unmount(target);
    }
  });
  const [forkedMs, calledMs] = [forked / 50, called / 2000];
  const ratio = forkedMs / calledMs;
  const measured = `${(calledMs * 1000).toFixed(0)} µs; ${ratio.toFixed(0)} × faster`;
  table.record('bind + unmount alone', '≥ 50 × faster', `mount(8) ${forkedMs.toFixed(1)} ms`, measured);
}
