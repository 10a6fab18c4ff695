import { readFileSync } from 'node:fs';

const sigkill = 1n << 8n;

/** True for a thread that a fatal signal has hit (the kernel then pends SIGKILL on each thread), or that is not there. */
export function isDying(pid: number): boolean {
  try {
    const pending = /^SigPnd:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return (BigInt(`0x${pending?.[1] ?? '0'}`) & sigkill) !== 0n;
  } catch {
    return true;
  }
}
