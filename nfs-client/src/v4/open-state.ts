import { Buffer } from 'node:buffer';
import type { Rng } from '@berth/kit';
import { isNfsError } from '../nfs-error.ts';
import type { NfsHandle } from '../protocol/nfs-handle.ts';
import { close, open } from './open-operations.ts';
import type { Operation } from './operation.ts';
import type { Reclaimable } from './session-maker.ts';
import type { Compounds } from './session4.ts';
import type { Stateid } from './stateid.ts';
import { putFh } from './tree-operations.ts';

/** The server no longer knows the open: it restarted, or the lease ran out while it could not be reached. */
const lostOpen = ['BAD_STATEID', 'STALE_STATEID', 'OLD_STATEID', 'EXPIRED', 'ADMIN_REVOKED', 'DELEG_REVOKED'] as const;

/** An open-owner nobody else has. */
export function newOpenOwner(rng: Rng): Uint8Array {
  return Buffer.from(rng.uuid());
}

export interface OpenStateOptions {
  readonly session: Compounds;
  readonly rng: Rng;
  readonly handle: NfsHandle;
  readonly stateid: Stateid;
  readonly access: 'read' | 'write' | 'both';
}

/** An open at the server. One that the server lost is claimed again after its restart, else made again by the file's handle. */
export class OpenState4 implements Reclaimable {
  readonly session: Compounds;
  readonly handle: NfsHandle;
  readonly #options: OpenStateOptions;
  #stateid: Promise<Stateid>;

  constructor(options: OpenStateOptions) {
    this.#options = options;
    this.session = options.session;
    this.handle = options.handle;
    this.#stateid = Promise.resolve(options.stateid);
    this.session.home.opens.add(this);
  }

  reclaim(clientId: bigint) {
    const { rng, access } = this.#options;
    const how = { mode: 'existing' } as const;
    const again = open({ clientId, owner: newOpenOwner(rng), access, how, isReclaim: true });
    const take = (stateid: unknown) => {
      this.#stateid = Promise.resolve(stateid as Stateid);
    };
    return { operations: [putFh(this.handle), again], take };
  }

  /** One operation on the file. */
  run<Result>(make: (stateid: Stateid) => Operation<Result>, signal: AbortSignal): Promise<Result> {
    const once = async (stateid: Stateid) => {
      const [, result] = await this.session.run([putFh(this.handle), make(stateid)] as const, signal);
      return result;
    };
    return this.withStateid(once, signal);
  }

  /** Runs what needs the open, and once more with a new open where the server has lost it. */
  async withStateid<Result>(run: (stateid: Stateid) => Promise<Result>, signal: AbortSignal): Promise<Result> {
    const before = this.#stateid;
    try {
      return await run(await before);
    } catch (error) {
      if (!isNfsError(error, ...lostOpen)) throw error;
    }
    if (this.#stateid === before) {
      this.#stateid = this.#openAgain(signal);
      // A failed attempt must not stay the answer for all that come later.
      this.#stateid.catch(() => {
        this.#stateid = before;
      });
    }
    return await run(await this.#stateid);
  }

  async close(signal: AbortSignal): Promise<void> {
    this.session.home.opens.delete(this);
    try {
      await this.session.run([putFh(this.handle), close(await this.#stateid)], signal);
    } catch (error) {
      if (!isNfsError(error, ...lostOpen, 'STALE', 'CLOSED')) throw error;
    }
  }

  async #openAgain(signal: AbortSignal): Promise<Stateid> {
    const { rng, access } = this.#options;
    const { clientId } = await this.session.live(signal);
    const again = open({ clientId, owner: newOpenOwner(rng), access, how: { mode: 'existing' } });
    const [, stateid] = await this.session.run([putFh(this.handle), again] as const, signal);
    return stateid;
  }
}
