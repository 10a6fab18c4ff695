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
  /** Who comes while a lease is being granted shares it, also its failure: in a queue, each would wait for etcd anew. */
  readonly #granting = new Map<number, Promise<Lease>>();

  constructor(client: Pick<EtcdClient, 'read'>, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** @throws StoreError as {@link EtcdClient.read}: a lease that was granted twice only ends. */
  async leaseFor(ttlSeconds: number): Promise<string> {
    for (;;) {
      const lease = this.#usable(ttlSeconds) ?? (await this.#granted(ttlSeconds));
      // Of more than share one, the others share the next.
      if (lease.keys < maxKeys) {
        lease.keys++;
        return lease.id;
      }
    }
  }

  /** It ended, with all its keys. */
  forget(id: string): void {
    for (const [ttl, lease] of this.#last) if (lease.id === id) this.#last.delete(ttl);
  }

  #usable(ttlSeconds: number): Lease | undefined {
    const last = this.#last.get(ttlSeconds);
    return last && last.endsAtMs >= this.#clock.monotonicMs() + ttlSeconds * 1000 && last.keys < maxKeys
      ? last
      : undefined;
  }

  #granted(ttlSeconds: number): Promise<Lease> {
    const known = this.#granting.get(ttlSeconds);
    if (known) return known;
    const granted = this.#grant(ttlSeconds).finally(() => this.#granting.delete(ttlSeconds));
    this.#granting.set(ttlSeconds, granted);
    return granted;
  }

  async #grant(ttlSeconds: number): Promise<Lease> {
    const reuse = Math.min(reuseSeconds, Math.max(1, Math.floor(ttlSeconds * reuseShare)));
    const seconds = Math.ceil(ttlSeconds) + reuse;
    const endsAtMs = this.#clock.monotonicMs() + (ttlSeconds + reuse) * 1000;
    const { ID: id } = await this.#client.read((member, options) =>
      member.lease.LeaseGrant({ TTL: String(seconds) }, options),
    );
    const lease = { id, endsAtMs, keys: 0 };
    this.#last.set(ttlSeconds, lease);
    return lease;
  }
}
