import { nfsStatuses } from './rpc-calls.ts';
import type { SystemCall } from './system-calls.ts';

const errnos = ['ENOSPC', 'EIO', 'EROFS', 'EBUSY', 'EMFILE'] as const;

/** What a call that only looks may fail with. */
const looking = ['EIO', 'EMFILE'] as const;

/** What a server may say to any call of NFSv3. Of version 4 a call has many operations, and its answer many statuses. */
const refusals = Object.keys(nfsStatuses);
const onServer = /^(NFS|PORTMAP|MOUNT)/;

/** What is no failure: the kernel says so of a filesystem that stands still already, with all that was written on its disk. */
const meanings: ReadonlySet<string> = new Set(['EBUSY ioctl fifreeze']);

/** A system call that a driver is about to make. */
export interface Attempt {
  /** The call of CSI that is under way, with the name of its volume; or `start`. */
  readonly during: string;
  readonly call: SystemCall;
  /** How many of its kind this call made, with this one: calls that run beside each other come in any order. */
  readonly nth: number;
}

export interface ChosenFault {
  readonly point: string;
  readonly errno: string;
}

/**
 * Which system calls are to fail, over many lives, until each was had: with every errno at each of them, or one of each
 * kind in each kind of call, with an errno in turn.
 */
export class FaultPlan {
  /** What was had, and the errno it had last. */
  readonly tried = new Map<string, string>();
  readonly #every: boolean;
  readonly #only: RegExp;
  readonly #turns = { changing: 0, looking: 0, onServer: 0 };

  constructor({ every = false, only = '' }: { readonly every?: boolean; readonly only?: string | undefined }) {
    this.#every = every;
    this.#only = new RegExp(only);
  }

  /** @returns undefined where the call is to go through. */
  choose({ during, call, nth }: Attempt): ChosenFault | undefined {
    const kind = this.#every
      ? `${during.replace(/life\d+-/, '')}: ${call.name} (${nth})`
      : `${during.replace(/ ?life\d+-.*/, '')}: ${call.name}`;
    const possible = errnosOf(call);
    for (const errno of this.#every ? possible : possible.slice(this.#turn(call) % possible.length).slice(0, 1)) {
      const point = this.#every ? `${kind}: ${errno}` : kind;
      if (this.tried.has(point) || !this.#only.test(point)) continue;
      this.tried.set(point, errno);
      this.#turns[turnOf(call)]++;
      return { point, errno };
    }
    return undefined;
  }

  #turn(call: SystemCall): number {
    return this.#turns[turnOf(call)];
  }
}

function errnosOf({ name, changes }: SystemCall): readonly string[] {
  if (name.startsWith('NFS3 ')) return refusals;
  if (onServer.test(name)) return [];
  return (changes ? errnos : looking).filter((errno) => !meanings.has(`${errno} ${name}`));
}

function turnOf({ name, changes }: SystemCall) {
  if (onServer.test(name)) return 'onServer';
  return changes ? 'changing' : 'looking';
}
