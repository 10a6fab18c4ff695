import { readdir, rm } from 'node:fs/promises';
import { undoContainer } from './container-create.ts';
import { isAlive } from './process-id.ts';
import {
  type ContainerRecord,
  readContainers,
  readSandboxes,
  type SandboxRecord,
  writeContainer,
  writeSandbox,
} from './records.ts';
import type { RuntimeContext } from './runtime-context.ts';
import { publishedPorts, undoSandbox } from './sandboxes.ts';

export interface Survivors {
  readonly sandboxes: readonly SandboxRecord[];
  readonly containers: readonly ContainerRecord[];
}

/**
 * What an earlier process left, brought into order: half-made containers and sandboxes are undone, damaged records with them,
 * and everything else is adopted as it is. How containers ended meanwhile is read by the caller from their exit files.
 */
export async function adoptSurvivors(context: RuntimeContext): Promise<Survivors> {
  const { layout, log, network } = context;
  const [sandboxRecords, containerRecords] = await Promise.all([
    readSandboxes(layout.sandboxes),
    readContainers(layout.containers),
  ]);
  const whole = [...sandboxRecords.values()].filter((record) => record !== undefined && record.state !== 'creating');
  await network.start(whole.filter((record) => record?.state === 'ready').flatMap((record) => publishedPorts(record!)));
  const containers: ContainerRecord[] = [];
  for (const [id, record] of containerRecords) {
    const whole = record && isComplete(record) && isWhole(sandboxRecords.get(record.sandboxId));
    const adopted = whole ? await adoptContainer(context, record) : undefined;
    if (adopted) containers.push(adopted);
    else {
      log.info('undoing a container that was not complete', { id });
      await undoContainer(context, id, record && (whole ? neverStarted(record) : record));
    }
  }
  const sandboxes: SandboxRecord[] = [];
  for (const [id, record] of sandboxRecords) {
    if (isWhole(record)) sandboxes.push(await adoptSandbox(context, record));
    else {
      log.info('undoing a sandbox that was not complete', { id });
      await undoSandbox(context, id, record);
    }
  }
  await network.releaseOthers(new Set(sandboxes.map(({ id }) => id)));
  await dropStrayExits(context, new Set(containers.map(({ id }) => id)));
  return { sandboxes, containers };
}

function isComplete({ state }: ContainerRecord): boolean {
  return state !== 'creating' && state !== 'discarded';
}

/** Without the time of a start that was only announced: its log tells of nothing. */
function neverStarted({ startedAtMs: _, ...record }: ContainerRecord): ContainerRecord {
  return record;
}

function isWhole(record: SandboxRecord | undefined): record is SandboxRecord {
  return record !== undefined && record.state !== 'creating';
}

/** What it is worth adopting as; undefined where it never ran and never will, and so has nothing to tell. */
async function adoptContainer(
  { oci, layout, bootId }: RuntimeContext,
  record: ContainerRecord,
): Promise<ContainerRecord | undefined> {
  const alive = record.bootId === bootId && isAlive(record.process);
  if (record.state === 'created') return alive ? record : undefined;
  // A start that was announced and did not happen leaves the fifo; nothing of another boot can be started any more.
  if (record.state !== 'running' || (await oci.hasStarted(record.id))) return record;
  if (!alive) return undefined;
  const { startedAtMs: _, ...created } = record;
  const again: ContainerRecord = { ...created, state: 'created' };
  await writeContainer(layout.container(record.id), again);
  return again;
}

/** Namespaces do not survive the machine's start. */
async function adoptSandbox(context: RuntimeContext, record: SandboxRecord): Promise<SandboxRecord> {
  const { layout, bootId, network } = context;
  if (record.state !== 'ready' || record.bootId === bootId) return record;
  await network.remove(record.id, '');
  const stopped: SandboxRecord = { ...record, state: 'stopped' };
  await writeSandbox(layout.sandbox(record.id), stopped);
  return stopped;
}

async function dropStrayExits({ layout }: RuntimeContext, known: ReadonlySet<string>): Promise<void> {
  const stray = (await readdir(layout.exits)).filter((id) => !known.has(id));
  await Promise.all(stray.map((id) => rm(layout.exit(id), { force: true })));
}
