import { access, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { oomKills } from './cgroup-stats.ts';
import { isAlive } from './process-id.ts';
import type { ContainerRecord } from './records.ts';
import type { RuntimeContext } from './runtime-context.ts';

export interface ContainerExit {
  readonly exitCode: number;
  readonly finishedAtMs: number;
  readonly reason: string;
  readonly message?: string;
}

/** How a container ended; undefined while it has not. The reasons are CRI's: Completed, Error, OOMKilled. */
export async function readExit(context: RuntimeContext, record: ContainerRecord): Promise<ContainerExit | undefined> {
  const file = context.layout.exit(record.id);
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return lost(context, record);
  const exitCode = Number(text.trim());
  const { mtimeMs } = await stat(file);
  const oom = await wasOomKilled(context, record);
  const reason = oom ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error';
  // File times are taken from a clock that ticks every few milliseconds, and may lie before the start.
  return { exitCode, finishedAtMs: Math.max(mtimeMs, record.startedAtMs ?? 0), reason };
}

/** Neither its process nor the conmon that would tell lives: both were killed, or the machine started anew. */
function lost({ bootId, clock }: RuntimeContext, record: ContainerRecord): ContainerExit | undefined {
  const rebooted = record.bootId !== bootId;
  if (!rebooted && (isAlive(record.process) || isAlive(record.conmon))) return undefined;
  const message = rebooted
    ? 'the machine was started anew while the container ran'
    : 'the container and its monitor were killed; its exit code is not known';
  // 255 and Unknown are what containerd answers for a container it lost.
  return { exitCode: 255, finishedAtMs: clock.now(), reason: 'Unknown', message };
}

/** The kernel's counter, or the file conmon leaves where the cgroup is gone already. */
async function wasOomKilled({ layout, cgroups }: RuntimeContext, record: ContainerRecord): Promise<boolean> {
  if ((await oomKills(cgroups, record.cgroupPath)) > 0) return true;
  return access(join(layout.container(record.id), 'oom')).then(
    () => true,
    () => false,
  );
}
