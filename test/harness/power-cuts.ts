import { join } from 'node:path';
import { CrashPlan } from './crash-plan.ts';
import { type InProcessDriver, startInProcess } from './in-process-driver.ts';
import type { LifeStep } from './life.ts';
import { checkKept, checkNothingLeft, Disturbed, make, wordsOf } from './life-checks.ts';
import type { LifeKind } from './life-kinds.ts';
import { type DataFs, type DiskState, PowerDisks } from './power-disks.ts';
import { type SystemCall, systemCallsEnded, watchSystemCalls } from './system-calls.ts';
import { VolumeLife } from './volume-life.ts';

export interface PowerCutOptions {
  readonly kind: LifeKind;
  readonly dataFs: DataFs;
  /** Cuts at every side effect, instead of at one of each kind, and after each call. */
  readonly every: boolean;
  /** Forgets what this says: the call is told as done, and nothing happens. */
  readonly forget?: (call: SystemCall) => boolean;
}

/** As many tell what is wrong. */
const enough = 5;

/** The disks at a moment of a life, and what was answered by then. */
interface Cut {
  readonly at: string;
  readonly step: LifeStep;
  readonly disks: DiskState;
  readonly acknowledged: ReadonlyMap<string, string>;
  readonly sizes: ReadonlyMap<string, number>;
}

/**
 * A volume's life on disks that lose what was not synchronized when the power is cut. It is cut after each answer and
 * at side effects, each time on a copy of the disks, on which a driver then starts.
 * @returns what is wrong with such starts: what was answered is lost, or something stands in the way.
 */
export async function powerCuts(options: PowerCutOptions): Promise<{ readonly cuts: number; failures: string[] }> {
  using disks = await PowerDisks.make(options.dataFs);
  const cuts = await liveAndCut(disks, options);
  const failures: string[] = [];
  const read = new Set<string>();
  for (const [index, cut] of cuts.entries()) {
    if (failures.length >= enough) break;
    using _state = cut.disks;
    await afterCut(disks, cut, { kind: options.kind, name: `after${index}`, read }).catch((error: unknown) => {
      if (error instanceof Disturbed) throw error;
      failures.push(`${cut.at}: ${wordsOf(error)}`);
    });
  }
  return { cuts: cuts.length, failures };
}

async function liveAndCut(disks: PowerDisks, { kind, every, forget }: PowerCutOptions): Promise<Cut[]> {
  using mounted = await disks.mount();
  const cuts: Cut[] = [];
  const plan = new CrashPlan({ every });
  let [quiet, calls, during] = [false, 0, undefined as LifeStep | undefined];
  let sizes: ReadonlyMap<string, number> = new Map();
  const quietly = <T>(work: () => T): T => {
    quiet = true;
    try {
      return work();
    } finally {
      quiet = false;
    }
  };
  const life = new VolumeLife({ kind: onDataDisk(kind), folder: disks.folder, name: 'life0', quietly });
  const cut = (at: string, step: LifeStep) =>
    quietly(() => cuts.push({ at, step, disks: disks.state(), acknowledged: new Map(life.acknowledged), sizes }));
  using _tap = watchSystemCalls((call) => {
    if (quiet) return undefined;
    if (forget?.(call)) return { at: 'skip' };
    if (!call.changes || !during) return undefined;
    const chosen = plan.choose({ during: during.what, call: call.name, nth: ++calls });
    if (chosen) {
      plan.exhaust(chosen.point);
      cut(`power cut before ${call.name} (${calls}) of ${during.what}`, during);
    }
    return undefined;
  });
  await using driver = await startInProcess({ ...mounted, folder: disks.folder, log: () => undefined });
  for (const step of life.steps) {
    [during, calls] = [step, 0];
    const acknowledge = await make(step, driver);
    if (typeof acknowledge === 'function') acknowledge();
    // Cuts from now on have to show what is told now.
    if (/^(Create|Delete|Controller)/.test(step.what)) {
      sizes = await sizesOf(driver);
      cut(`power cut after ${step.what}`, step);
    }
  }
  during = undefined;
  await systemCallsEnded();
  return cuts;
}

/** What of a life was filled with what the source held. */
const contentOf: Readonly<Record<string, 'volume' | 'snapshot'>> = {
  clone: 'volume',
  restored: 'volume',
  snapshot: 'snapshot',
};

async function afterCut(
  disks: PowerDisks,
  { step, disks: state, acknowledged, sizes }: Cut,
  { kind, name, read }: { readonly kind: LifeKind; readonly name: string; readonly read: Set<string> },
): Promise<void> {
  using mounted = await disks.mount(state);
  using _others = { [Symbol.dispose]: () => disks.unmountOthers() };
  const log: string[] = [];
  await using driver = await startInProcess({ ...mounted, folder: disks.folder, log: (line) => log.push(line) });
  const pool = join(disks.folder, 'data');
  const life = { steps: [], acknowledged, ids: new Set(acknowledged.values()) };
  await checkKept(driver, life, { step, log, pool });
  checkSizes(await sizesOf(driver), { sizes, step });
  const isDeleting = step.what.startsWith('Delete');
  for (const [what, id] of isDeleting ? [] : acknowledged) {
    const of = contentOf[/^life0-(\w+)$/.exec(what)?.[1] ?? ''];
    // Once is enough: later cuts find the same there.
    if (!of || read.has(what)) continue;
    read.add(what);
    const reader = new VolumeLife({ kind: onDataDisk(kind), folder: disks.folder, name: `${name}-${what}` });
    for (const reading of reader.reading(of, id)) {
      const acknowledge = await make(reading, driver);
      if (typeof acknowledge === 'function') acknowledge();
    }
  }
  await deleteAll(driver);
  await checkNothingLeft(driver, life, { folder: disks.folder, pool, disks: ['catalog', 'data'] });
}

/** Capacity of each volume, and size of each snapshot. */
async function sizesOf({ controller }: InProcessDriver): Promise<ReadonlyMap<string, number>> {
  const volumes = (await controller.ListVolumes({})).entries.map(({ volume }) => volume!);
  const snapshots = (await controller.ListSnapshots({})).entries.map(({ snapshot }) => snapshot!);
  return new Map([
    ...volumes.map(({ volumeId, capacityBytes }) => [volumeId, Number(capacityBytes)] as const),
    ...snapshots.map(({ snapshotId, sizeBytes }) => [snapshotId, Number(sizeBytes)] as const),
  ]);
}

function checkSizes(now: ReadonlyMap<string, number>, { sizes, step }: Pick<Cut, 'sizes' | 'step'>): void {
  for (const [id, size] of sizes) {
    const found = now.get(id);
    if (found === undefined && step.what.startsWith('Delete')) continue;
    // A growth under way may have been written down.
    if (found === size || (found === 2 * size && step.what.startsWith('ControllerExpand'))) continue;
    throw new Error(`${id} had ${size} bytes and has ${found}`);
  }
}

function onDataDisk(kind: LifeKind): LifeKind {
  return { ...kind, parameters: { ...kind.parameters, pool: 'data' } };
}

async function deleteAll({ controller, groups }: InProcessDriver): Promise<void> {
  for (const { volume } of (await controller.ListVolumes({})).entries) {
    const { volumeId } = volume!;
    await controller.ControllerUnpublishVolume({ volumeId, nodeId: '' });
    // An image has no such parameter to be changed.
    await controller
      .ControllerModifyVolume({ volumeId, mutableParameters: { onDelete: 'delete' } })
      .catch(() => undefined);
    await controller.DeleteVolume({ volumeId });
  }
  const snapshots = (await controller.ListSnapshots({})).entries.map(({ snapshot }) => snapshot!);
  for (const [groupSnapshotId, members] of Map.groupBy(snapshots, (snapshot) => snapshot.groupSnapshotId)) {
    const snapshotIds = members.map(({ snapshotId }) => snapshotId);
    if (groupSnapshotId !== '') await groups.DeleteVolumeGroupSnapshot({ groupSnapshotId, snapshotIds });
    else for (const snapshotId of snapshotIds) await controller.DeleteSnapshot({ snapshotId });
  }
}
