import { readdirSync, readFileSync } from 'node:fs';
import type { ProcessId } from './records.ts';

/** The process of that number as it is now, or undefined where there is none or only a zombie. */
export function identifyProcess(pid: number): ProcessId | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command's name may hold spaces and parentheses: fields are counted from the last closing one (proc_pid_stat(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return { pid, startTicks: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

/** Pids of the processes that this one has started and that still run (proc_pid_task_tid_children(5)). */
export function childrenOf(pid: number): number[] {
  try {
    const lists = readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/children`);
    return lists.flatMap((path) => readFileSync(path, 'latin1').trim().split(' ').filter(Boolean).map(Number));
  } catch {
    return [];
  }
}

export function isAlive(process: ProcessId | undefined): boolean {
  return process !== undefined && identifyProcess(process.pid)?.startTicks === process.startTicks;
}

/** Signals the process unless it has ended; a later process with its number is left alone. */
export function signalProcess(target: ProcessId | undefined, signal: NodeJS.Signals | number): boolean {
  if (!target || !isAlive(target)) return false;
  try {
    return process.kill(target.pid, signal);
  } catch {
    return false;
  }
}

/**
 * Kills a child of ours that nobody has waited for yet, and all that came of it and is its by birth or by adoption (PR_SET_CHILD_SUBREAPER).
 * Each is stopped before its children are asked for: where a signal waits, fork(2) makes none.
 */
export function killWithDescendants(pid: number): void {
  const stopped = new Map<number, ProcessId | undefined>();
  const stop = (one: number) => {
    const id = identifyProcess(one);
    stopped.set(one, id);
    signalProcess(id, 'SIGSTOP');
    // Asked again after each: one that ended meanwhile has left its children to whoever adopts them.
    const next = () => childrenOf(one).find((child) => !stopped.has(child));
    for (let child = next(); child !== undefined; child = next()) stop(child);
  };
  stop(pid);
  for (const id of stopped.values()) signalProcess(id, 'SIGKILL');
}
