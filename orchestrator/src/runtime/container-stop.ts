import { constants } from 'node:os';
import { grpcError } from '@berth/protos';
import { cgroupProcesses } from './cgroups.ts';
import type { Containers } from './containers.ts';
import { signalProcess } from './process-id.ts';
import { killUntilGone } from './processes-naming.ts';
import type { ContainerRecord } from './records.ts';
import type { RuntimeContext } from './runtime-context.ts';
import { killQuietly } from './sandboxes.ts';

/** After KILL the kernel ends a process as soon as it leaves the kernel; longer is a stuck device or network filesystem. */
const killPatienceMs = 10_000;
const killTries = 50;

/** @throws GrpcError DEADLINE_EXCEEDED – it survives KILL: a process that waits for the kernel cannot be ended. */
export async function stopContainer(
  context: RuntimeContext,
  containers: Containers,
  record: ContainerRecord,
  timeoutMs: number,
): Promise<void> {
  if (timeoutMs > 0 && record.state === 'running') {
    signalProcess(record.process, signalNumber(record.stopSignal));
    if (await containers.waitExit(record.id, timeoutMs)) return;
  }
  for (let n = 0; n < killTries; n++) {
    signalProcess(record.process, 'SIGKILL');
    for (const pid of await companions(context, record)) killQuietly(pid);
    if (await containers.waitExit(record.id, killPatienceMs / killTries)) return;
    await containers.observeExit(record.id);
  }
  throw grpcError('DEADLINE_EXCEEDED', `container "${record.id}": still there ${killPatienceMs} ms after SIGKILL`);
}

/** Where the PID namespace is shared, the first process's end does not end the others. */
async function companions({ cgroups }: RuntimeContext, record: ContainerRecord): Promise<number[]> {
  const pid = record.config.linux?.securityContext?.namespaceOptions?.pid ?? 'CONTAINER';
  return pid === 'CONTAINER' ? [] : cgroupProcesses(cgroups, record.cgroupPath);
}

/** Ends what a container whose first process has ended left running: it would go on writing to volumes beside its successor. */
export async function endCompanions(context: RuntimeContext, record: ContainerRecord): Promise<void> {
  await killUntilGone(context.clock, killPatienceMs, () => companions(context, record));
}

/** `SIGTERM`, `TERM`, `15`, or CRI's `SIGRTMINPLUS3`; SIGTERM for what is no signal. */
export function signalNumber(name: string): number {
  if (/^\d+$/.test(name) && Number(name) > 0 && Number(name) < 65) return Number(name);
  const full = name.toUpperCase().replace(/^(SIG)?/, 'SIG');
  const realTime = /^SIGRT(MIN|MAX)(?:(PLUS|\+|MINUS|-)(\d+))?$/.exec(full);
  // glibc keeps 32 and 33 for itself.
  if (realTime)
    return (
      (realTime[1] === 'MIN' ? 34 : 64) + (/^(MINUS|-)$/.test(realTime[2] ?? '') ? -1 : 1) * Number(realTime[3] ?? 0)
    );
  return constants.signals[full as NodeJS.Signals] ?? constants.signals.SIGTERM;
}
