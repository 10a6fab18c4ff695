import { readFileSync } from 'node:fs';
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
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').filter(Boolean).map(Number);
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
