import { Buffer } from 'node:buffer';
import type { Rng } from '@berth/kit';
import { badReply, isNfsError } from '../nfs-error.ts';
import type { NfsAttributes } from '../protocol/nfs-attributes.ts';
import type {
  ByteRange,
  NfsExtendedFile,
  NfsFile,
  ReadResult,
  WriteRequest,
  WriteResult,
} from '../protocol/nfs-file.ts';
import type { NfsHandle } from '../protocol/nfs-handle.ts';
import type { NfsNode } from '../protocol/nfs-protocol.ts';
import * as data from './data-operations.ts';
import { Extended4 } from './extended4.ts';
import { close, open } from './open-operations.ts';
import type { Operation } from './operation.ts';
import type { Session4 } from './session4.ts';
import type { Stateid } from './stateid.ts';
import { putFh } from './tree-operations.ts';

export interface OpenedFile {
  readonly node: NfsNode;
  readonly stateid: Stateid;
  readonly access: 'read' | 'write' | 'both';
}

/** The server no longer knows the open: it restarted, or the lease ran out while it could not be reached. */
const lostOpen = ['BAD_STATEID', 'STALE_STATEID', 'OLD_STATEID', 'EXPIRED', 'ADMIN_REVOKED', 'DELEG_REVOKED'] as const;

/** An open-owner nobody else has. */
export function newOpenOwner(rng: Rng): Uint8Array {
  return Buffer.from(rng.uuid());
}

/** A file opened by NFSv4. An open that the server lost is made again by its handle. */
export class File4 implements NfsFile {
  readonly handle: NfsHandle;
  readonly attributes: NfsAttributes;
  readonly extended?: NfsExtendedFile;
  readonly #session: Session4;
  readonly #rng: Rng;
  readonly #access: 'read' | 'write' | 'both';
  #stateid: Promise<Stateid>;

  constructor(session: Session4, opened: OpenedFile, options: { readonly rng: Rng; readonly isExtended: boolean }) {
    this.#session = session;
    this.#rng = options.rng;
    this.handle = opened.node.handle;
    this.attributes = opened.node.attributes;
    this.#access = opened.access;
    this.#stateid = Promise.resolve(opened.stateid);
    if (options.isExtended) this.extended = new Extended4(session, this);
  }

  async read(range: ByteRange, signal: AbortSignal): Promise<ReadResult> {
    const result = await this.#run((stateid) => data.read(stateid, range), signal);
    if (result.data.length === 0 && !result.end && range.length > 0)
      throw badReply('READ sends nothing before the end');
    return result;
  }

  write(what: WriteRequest, signal: AbortSignal): Promise<WriteResult> {
    return this.#run((stateid) => data.write(stateid, what), signal);
  }

  commit(signal: AbortSignal): Promise<string> {
    return this.#run(() => data.commit, signal);
  }

  async close(signal: AbortSignal): Promise<void> {
    try {
      await this.#session.run([putFh(this.handle), close(await this.#stateid)], signal);
    } catch (error) {
      if (!isNfsError(error, ...lostOpen, 'STALE', 'CLOSED')) throw error;
    }
  }

  /** Runs what needs the open, and once more with a new open where the server has lost it. */
  async withStateid<Result>(run: (stateid: Stateid) => Promise<Result>, signal: AbortSignal): Promise<Result> {
    const stateid = this.#stateid;
    try {
      return await run(await stateid);
    } catch (error) {
      if (!isNfsError(error, ...lostOpen)) throw error;
      if (this.#stateid === stateid) this.#stateid = this.#openAgain(signal);
      // A failed attempt must not stay the answer for all that come later.
      this.#stateid.catch(() => {
        this.#stateid = stateid;
      });
      return await run(await this.#stateid);
    }
  }

  #run<Result>(make: (stateid: Stateid) => Operation<Result>, signal: AbortSignal): Promise<Result> {
    const run = async (stateid: Stateid) => {
      const [, result] = await this.#session.run([putFh(this.handle), make(stateid)] as const, signal);
      return result;
    };
    return this.withStateid(run, signal);
  }

  async #openAgain(signal: AbortSignal): Promise<Stateid> {
    const { clientId } = await this.#session.live(signal);
    const owner = newOpenOwner(this.#rng);
    const how = { mode: 'existing' } as const;
    const [, stateid] = await this.#session.run(
      [putFh(this.handle), open({ clientId, owner, access: this.#access, how })] as const,
      signal,
    );
    return stateid;
  }
}
