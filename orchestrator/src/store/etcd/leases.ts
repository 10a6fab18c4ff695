import type { Clock } from '@berth/kit';
import type { EtcdClient } from './etcd-client.ts';

/** One lease carries the keys of this long, or this many (upstream's lease manager: a lease a key would be etcd's heaviest load). */
const reuseSeconds = 60;
const maxKeys = 1000;
/** A short time to live may not grow by more than this part of it. */
const reuseShare = 0.05;

interface Lease {
  readonly id: string;
  readonly endsAtMs: number;
  keys: number;
}

/** Leases for keys with a time to live. Such a key lives as long as asked, and up to a minute longer. */
export class Leases {
  readonly #client: Pick<EtcdClient, 'read'>;
  readonly #clock: Clock;
  /** The last one of each time to live; there are few of them. */
  readonly #last = new Map<number, Lease>();
  /** Who comes while a lease is being granted shares it. */
  #granting: Promise<unknown> = Promise.resolve();

  constructor(client: Pick<EtcdClient, 'read'>, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** @throws StoreError as {@link EtcdClient.read}: a lease that was granted twice only ends. */
  leaseFor(ttlSeconds: number): Promise<string> {
    const lease = this.#granting.then(() => this.#lease(ttlSeconds));
    this.#granting = lease.catch(() => undefined);
    return lease;
  }

  /** It ended, with all its keys. */
  forget(id: string): void {
    for (const [ttl, lease] of this.#last) if (lease.id === id) this.#last.delete(ttl);
  }

  async #lease(ttlSeconds: number): Promise<string> {
    const reuse = Math.min(reuseSeconds, Math.max(1, Math.floor(ttlSeconds * reuseShare)));
    const endsAtMs = this.#clock.monotonicMs() + ttlSeconds * 1000;
    const last = this.#last.get(ttlSeconds);
    if (last && last.endsAtMs >= endsAtMs && last.keys < maxKeys) {
      last.keys++;
      return last.id;
    }
    const seconds = Math.ceil(ttlSeconds) + reuse;
    const { ID: id } = await this.#client.read((member, options) =>
      member.lease.LeaseGrant({ TTL: String(seconds) }, options),
    );
    this.#last.set(ttlSeconds, { id, endsAtMs: endsAtMs + reuse * 1000, keys: 1 });
    return id;
  }
}
