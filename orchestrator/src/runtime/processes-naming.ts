import { readdirSync, readFileSync } from 'node:fs';
import type { Clock } from '@berth/kit';
import { identifyProcess, signalProcess } from './process-id.ts';

/** Programs that this runtime starts and that may outlive it. */
const programs = new Set(['conmon', 'runc', 'crun', 'unshare', 'nsenter']);

/** CNI plugins that this runtime calls, and that call each other; what they work on is in their environment. */
const plugins = new Set(['bridge', 'host-local']);

/**
 * conmon, the OCI runtime, makers of namespaces and networks, and holders of shared PID namespaces that are about `text`:
 * a state directory, or the id of a container or sandbox.
 */
export function processesNaming(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => {
      try {
        const [program = '', ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        const name = program.split('/').at(-1) ?? '';
        if (plugins.has(name)) return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(text);
        return programs.has(name) && args.some((arg) => arg.includes(text));
      } catch {
        return false;
      }
    });
}

/**
 * Kills what `find` finds until it finds nothing alive, since a process may start another before it dies.
 * @returns the survivors after `patienceMs`, which wait for the kernel.
 */
export async function killUntilGone(
  clock: Clock,
  patienceMs: number,
  find: () => number[] | Promise<number[]>,
): Promise<number[]> {
  const endAt = clock.monotonicMs() + patienceMs;
  while (true) {
    const alive = (await find()).flatMap((pid) => identifyProcess(pid) ?? []);
    if (alive.length === 0 || clock.monotonicMs() > endAt) return alive.map(({ pid }) => pid);
    for (const process of alive) signalProcess(process, 'SIGKILL');
    await clock.sleep(2);
  }
}
