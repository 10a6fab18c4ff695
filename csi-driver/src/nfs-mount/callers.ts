import { readFileSync } from 'node:fs';
import type { Caller } from '@berth/fuse';
import type { Clock } from '@berth/kit';
import type { NfsProtocol } from '@berth/nfs-client';

/** A process that changes its groups is noticed after this. */
const believedMs = 1000;
const most = 1000;

/**
 * The server as each caller may see it: a call carries who made it (AUTH_SYS), with the supplementary groups that the
 * kernel does not pass on. What the kernel does on its own account is root's.
 */
export class Callers {
  readonly #nfs: NfsProtocol;
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly nfs: NfsProtocol; readonly atMs: number }>();
  readonly #views = new Map<string, NfsProtocol>();

  constructor(nfs: NfsProtocol, clock: Clock) {
    this.#nfs = nfs;
    this.#clock = clock;
  }

  of({ uid, gid, pid }: Caller): NfsProtocol {
    const key = `${uid}:${gid}:${pid}`;
    const nowMs = this.#clock.monotonicMs();
    const known = this.#known.get(key);
    if (known && nowMs - known.atMs < believedMs) return known.nfs;
    const nfs = this.#view({ uid, gid, gids: pid === 0 ? [] : groupsOf(pid) });
    if (this.#known.size >= most) this.#known.clear();
    this.#known.set(key, { nfs, atMs: nowMs });
    return nfs;
  }

  #view(identity: { readonly uid: number; readonly gid: number; readonly gids: readonly number[] }): NfsProtocol {
    const key = `${identity.uid}:${identity.gid}:${identity.gids}`;
    const known = this.#views.get(key);
    if (known) return known;
    const nfs = this.#nfs.as(identity);
    if (this.#views.size >= most) this.#views.clear();
    this.#views.set(key, nfs);
    return nfs;
  }
}

function groupsOf(pid: number): number[] {
  try {
    const line = /^Groups:(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return (line?.[1] ?? '').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
