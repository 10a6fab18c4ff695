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
  readonly #client: EtcdClient;
  readonly #clock: Clock;
  #last: Lease | undefined;
  /** Who comes while a lease is being granted shares it. */
  #granting: Promise<unknown> = Promise.resolve();

  constructor(client: EtcdClient, clock: Clock) {
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
    if (this.#last?.id === id) this.#last = undefined;
  }

  async #lease(ttlSeconds: number): Promise<string> {
    const reuse = Math.min(reuseSeconds, Math.max(1, Math.floor(ttlSeconds * reuseShare)));
    const endsAtMs = this.#clock.monotonicMs() + ttlSeconds * 1000;
    const last = this.#last;
    const fits = last && last.endsAtMs >= endsAtMs && last.endsAtMs <= endsAtMs + reuse * 1000 && last.keys < maxKeys;
    if (fits) {
      last.keys++;
      return last.id;
    }
    const seconds = Math.ceil(ttlSeconds) + reuse;
    const { ID: id } = await this.#client.read((member, options) =>
      member.lease.LeaseGrant({ TTL: String(seconds) }, options),
    );
    this.#last = { id, endsAtMs: endsAtMs + reuse * 1000, keys: 1 };
    return id;
  }
}
