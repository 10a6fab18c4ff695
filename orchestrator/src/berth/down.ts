import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readdir, rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Clock, type Logger, makeFolders } from '@berth/kit';
import { isErrno, type Mounter, openRoot, removeTree } from '@berth/linux';
import { hasBridge } from '../network/pod-network.ts';
import { cleanupRuntime } from '../runtime/cleanup-runtime.ts';
import { StateLayout } from '../runtime/state-layout.ts';
import { BerthError } from './berth-error.ts';
import type { DataDir } from './data-dir.ts';
import { detachLoopsBelow } from './detach-loops.ts';

export interface DownOptions {
  readonly data: DataDir;
  /** Also removes volumes, images and the store. */
  readonly purge: boolean;
  readonly mounter: Mounter;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long a running `berth up` has to stop by itself. */
const stopPatienceMs = 15_000;

/** `kept`: the data of volumes is still there; `removed`: nothing is; `nothing`: there was nothing before. */
export type DownOutcome = 'nothing' | 'kept' | 'removed';

/**
 * Removes everything of a data directory from this machine: processes, mounts, cgroups, namespaces, links, firewall rules.
 * What volumes hold stays, unless purged. Idempotent, and needs no record of what there was: not even the directory, which may have been removed by hand.
 */
export async function down(options: DownOptions): Promise<DownOutcome> {
  const { data, purge } = options;
  const isEmpty = !existsSync(data.path) || readdirSync(data.path).length === 0;
  if (!data.isOurs && !(await isLeftBehind(data))) {
    if (isEmpty) return 'nothing';
    throw new BerthError(
      'NotFound',
      `${data.path} is no data directory of berth: it has no ${basename(data.lockFile)}; nothing was removed`,
      { hint: 'name the one that was given to: berth up --data-dir DIR' },
    );
  }
  await makeFolders(data.path, 0o711);
  await stopControlPlane(options);
  // Nobody starts on what is being taken away.
  using _ = await data.hold();
  const nodes = new Set([...(await readdir(data.nodes).catch(() => [])), ...nodesWithBridge(data)]);
  for (const node of nodes) await cleanupRuntime({ ...options, stateDir: data.node(node).runtime });
  await killWhatNames(options);
  unmountBelow(options, data.path);
  await detachLoopsBelow(data.path, options.log);
  if (!purge && !isEmpty) return 'kept';
  await removeData(options);
  return 'removed';
}

/** Whether the machine still has something of a directory that was removed without `berth down`. */
async function isLeftBehind(data: DataDir): Promise<boolean> {
  return nodesWithBridge(data).length > 0 || (await data.findHolderOfRemovedLock()) !== undefined;
}

/** Every node makes a bridge at its start, named for its path, and keeps it until it is taken down. */
function nodesWithBridge(data: DataDir): string[] {
  const names: string[] = [];
  while (true) {
    const name = `node-${names.length + 1}`;
    if (!hasBridge(new StateLayout(data.node(name).runtime))) return names;
    names.push(name);
  }
}

/** Removes what berth made, by name: a directory that also holds other things keeps them. */
async function removeData({ data, log }: DownOptions): Promise<void> {
  {
    using root = openRoot(data.path);
    for (const path of data.ownEntries) await removeTree(root, basename(path));
  }
  try {
    await rmdir(data.path);
    log.info('removed the data directory', { path: data.path });
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY', 'EBUSY')) throw error;
    log.warn('kept the data directory: it holds what berth did not make', { path: data.path });
  }
}

async function stopControlPlane({ data, clock, log }: DownOptions): Promise<void> {
  const endAt = clock.monotonicMs() + stopPatienceMs;
  const running = async () => (await data.runningPid()) ?? (await data.findHolderOfRemovedLock());
  for (let pid = await running(); pid !== undefined; pid = await running()) {
    const patient = clock.monotonicMs() < endAt;
    log.info(patient ? 'stopping berth' : 'berth does not stop; killing it', { pid });
    signal(pid, patient ? 'SIGTERM' : 'SIGKILL');
    for (let waited = 0; waited < 5000 && (await running()) === pid; waited += 50) await clock.sleep(50);
    if (clock.monotonicMs() > endAt + stopPatienceMs)
      throw new BerthError('Failed', `berth (pid ${pid}) does not stop`, { hint: `look at it: ps -p ${pid}` });
  }
}

/** Drivers of a killed `up` end by themselves when their stdin closes; this is for those that hang, and for what serves mounts and goes on. */
async function killWhatNames({ data, clock }: DownOptions): Promise<void> {
  const endAt = clock.monotonicMs() + 3000;
  for (let pids = driversOf(data); pids.length > 0; pids = driversOf(data)) {
    for (const pid of pids) signal(pid, clock.monotonicMs() < endAt ? 'SIGTERM' : 'SIGKILL');
    await clock.sleep(20);
    if (clock.monotonicMs() > endAt + 3000) return;
  }
}

function driversOf({ nodes }: DataDir): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => isOfNodes(commandLine(pid), nodes));
}

/** A driver, by its socket; or what it left to serve a mount, by the folder that keeps its lock. */
function isOfNodes(command: readonly string[], nodes: string): boolean {
  const prefix = command.includes('nfs-mount') ? `${nodes}/` : `unix://${nodes}/`;
  return command.some((argument) => argument.startsWith(prefix));
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(join('/proc', String(pid), 'cmdline'), 'utf8').split('\0');
  } catch {
    return [];
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as { code?: string }).code !== 'ESRCH') throw error;
  }
}

function unmountBelow({ mounter, log }: DownOptions, path: string): void {
  for (const { mountPoint } of mounter.mounts().toReversed()) {
    // A disk of its own at the path itself is not ours, and has the data.
    if (!mountPoint.startsWith(`${path}/`)) continue;
    try {
      mounter.unmount(mountPoint, { lazy: true });
    } catch (error) {
      if (!isErrno(error, 'EINVAL', 'ENOENT')) log.warn('cannot unmount', { mountPoint, error });
    }
  }
}
