import { closeSync, openSync } from 'node:fs';
import { messageOf } from '@berth/kit';
import { idlePollingDevice, idlePollingPays } from '@berth/linux';
import { durationMs } from '../api-server/go-duration.ts';
import { BerthError } from './berth-error.ts';

export const idlePollHelp =
  'for so long after each request no processor halts, as waking one takes long in virtual machines; ' +
  '0s: they may at once (default: 2ms in virtual machines of up to 4 processors)';

/** A client that asks one thing after the other comes back within a millisecond, and most writes are on disk. */
const usualMs = 2;
/** More would be to keep them awake for good. */
const mostMs = 1000;

/** @returns milliseconds; 0: processors halt as they like. @throws BerthError Usage – also where they cannot be kept awake. */
export function idlePollOf(text: string | undefined, device = idlePollingDevice): number {
  const problem = problemWith(device);
  if (text === undefined) return problem === undefined && idlePollingPays() ? usualMs : 0;
  const ms = durationMs(text);
  if (ms === undefined || ms < 0 || ms > mostMs)
    throw new BerthError('Usage', `--idle-poll takes a duration from 0s to 1s, such as 2ms, not "${text}"`);
  if (ms > 0 && problem !== undefined)
    throw new BerthError('Usage', `--idle-poll: processors cannot be kept awake here: ${problem}`, {
      hint: `it takes root and a kernel with ${idlePollingDevice}; leave the flag out to go without`,
    });
  return ms;
}

/** Rights alone do not tell: a container's device cgroup refuses those who open it. */
function problemWith(device: string): string | undefined {
  try {
    closeSync(openSync(device, 'r+'));
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
