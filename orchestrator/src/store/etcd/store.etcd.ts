import { type Clock, type Logger, type Rng, startTask } from '@berth/kit';
import type { Change, KeySpace } from '../key-space.ts';
import { packWhenQuiet } from '../pack-when-quiet.ts';
import type { QuietMoments } from '../quiet-moments.ts';
import type { KeyValue, RangeRequest, RangeResult, Store, StoreEvent, WriteRequest, WriteResult } from '../store.ts';
import { StoreError } from '../store-error.ts';
import { compactEtcd, runCompactor } from './compactor.ts';
import { EtcdClient, type EtcdClientOptions } from './etcd-client.ts';
import type { EtcdEndpoint } from './etcd-endpoint.ts';
import { isLeaseGone } from './etcd-error.ts';
import { EtcdFollower } from './etcd-follower.ts';
import { EtcdKeys } from './etcd-keys.ts';
import { EtcdReads } from './etcd-reads.ts';
import { EtcdValues, type ForeignReader } from './etcd-values.ts';
import { hasWritten, keyValueOf, transactionOf } from './etcd-writes.ts';
import { Leases } from './leases.ts';
import { loadState, newestRevision, type StateSource } from './load-state.ts';
import { checkOneCluster } from './one-cluster.ts';
import { PendingValues } from './pending-values.ts';
import { RevisionProbe } from './revision-probe.ts';
import { RevisionWaiters } from './revision-waiters.ts';

export interface EtcdStoreOptions {
  readonly endpoints: readonly EtcdEndpoint[];
  readonly tls?: EtcdClientOptions['tls'];
  /** `--etcd-prefix`. */
  readonly prefix?: string;
  /** How values are read that another program wrote; absent: all are ours. */
  readonly foreign?: ForeignReader;
  /** `--etcd-compaction-interval`; 0: another's affair. */
  readonly compactionMs?: number;
  /** Chooses the endpoint to begin with. */
  readonly rng?: Rng;
  /** How long a call is tried before it is Unavailable. */
  readonly giveUpMs?: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** An event comes as soon as its write is answered; after this long, etcd itself is asked instead. */
const patienceMs = 100;
/** Between two questions how far the watch is. */
const askEveryMs = 20;
/** A watch that is behind for this long is at a member that hangs. */
const stuckMs = 2_000;
/** How long a start waits for the watch; it may be behind for long where others write elsewhere in this etcd. */
const catchUpMs = 300;
/** How long a write waits to be seen in the cache of its own server. */
const ownWriteMs = 1_000;

/**
 * The store that several API servers share. One watch keeps the newest state in memory; a read asks etcd only how new that has
 * to be, together with all reads of the moment, and reads at etcd itself when the watch is late.
 */
class EtcdStore implements Store {
  readonly shared = true;
  readonly #client: EtcdClient;
  readonly #keys: EtcdKeys;
  readonly #values: EtcdValues;
  readonly #clock: Clock;
  readonly #reads: EtcdReads;
  readonly #leases: Leases;
  readonly #probe: RevisionProbe;
  readonly #waiters: RevisionWaiters;
  readonly #follower: EtcdFollower;
  readonly #pending = new PendingValues();
  readonly #packing: QuietMoments;
  readonly #tasks = new AsyncDisposableStack();
  readonly #end = new AbortController();
  #space: KeySpace;
  #behindSinceMs: number | undefined;
  /** Where the cache was when it was last waited for in vain. */
  #vainAt: number | undefined;
  #asking: Disposable | undefined;
  #closed = false;

  constructor(source: StateSource, space: KeySpace, options: EtcdStoreOptions) {
    const { clock, log, compactionMs = 0 } = options;
    const { client, keys, values } = source;
    this.#client = client;
    this.#keys = keys;
    this.#values = values;
    this.#space = space;
    this.#clock = clock;
    this.#reads = new EtcdReads(source);
    this.#leases = new Leases(client, clock);
    this.#probe = new RevisionProbe(() => newestRevision(client, keys));
    this.#waiters = new RevisionWaiters(clock);
    this.#follower = new EtcdFollower({
      ...source,
      clock,
      log,
      revision: () => this.#space.revision,
      onChanges: (changes) => this.#apply(changes),
      onProgress: (revision) => this.#advance(revision),
      onLost: () => this.#loadAnew(),
    });
    this.#packing = packWhenQuiet({ clock, space: () => this.#space });
    this.#packing.worked(space.size);
    const task = { log, signal: this.#end.signal };
    this.#tasks.use(startTask('etcd watch', (signal) => this.#follower.run(signal), task));
    const onCompacted = (revision: number) => this.#space.compact(revision);
    const compactor = { client, clock, log, intervalMs: compactionMs, onCompacted };
    if (compactionMs > 0)
      this.#tasks.use(startTask('etcd compaction', (signal) => runCompactor(compactor, signal), task));
  }

  get revision(): number {
    return this.#space.revision;
  }

  placeOf(key: string): string {
    return this.#keys.text(key);
  }

  async get(key: string, notOlderThan?: number): Promise<KeyValue | undefined> {
    this.#checkOpen();
    if (await this.#isFresh(notOlderThan)) return this.#space.get(key);
    return this.#reads.get(key);
  }

  mayHave(prefix: string): boolean {
    return this.#space.mayHave(prefix);
  }

  async range(request: RangeRequest): Promise<RangeResult> {
    this.#checkOpen();
    const { revision } = request;
    const isFresh = await this.#isFresh(revision ?? request.notOlderThan);
    if (revision !== undefined && revision < this.#space.compacted) this.#space.checkReadable(revision);
    if (isFresh && (revision ?? this.#space.revision) >= this.#space.windowStart) return this.#space.range(request);
    return this.#reads.range(request);
  }

  async write(request: WriteRequest): Promise<WriteResult> {
    this.#checkOpen();
    const { key, value } = request;
    using _pending = value && this.#pending.add(key, value);
    const response = await this.#commit(request);
    const revision = Number(response.header?.revision);
    if (!response.succeeded) {
      const kv = response.responses[0]?.responseRange?.kvs[0];
      return { ok: false, current: kv && keyValueOf(key, kv, await this.#values.read(kv.value)) };
    }
    if (!hasWritten(response)) return { ok: false, current: undefined };
    // Acknowledged is on etcd's disks; the cache only follows.
    if (this.#space.revision < revision) await this.#waiters.wait(revision, ownWriteMs);
    return { ok: true, revision };
  }

  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<readonly StoreEvent[]> {
    this.#checkOpen();
    return this.#space.watch(prefix, after, signal);
  }

  async sizeBytes(): Promise<number> {
    const { dbSize } = await this.#client.read((member, call) => member.maintenance.Status({}, call));
    return Number(dbSize);
  }

  async compact(revision: number): Promise<void> {
    this.#checkOpen();
    await compactEtcd(this.#client, String(revision), (reached) => this.#space.compact(reached));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#packing[Symbol.dispose]();
    this.#space.end(new StoreError('Closed', 'the store is closed'));
    this.#waiters.end();
    this.#asking?.[Symbol.dispose]();
    this.#end.abort();
    this.#client[Symbol.dispose]();
    await this.#tasks[Symbol.asyncDispose]();
  }

  /** Once, at the start: what a first reader asks for is here. */
  async catchUp(): Promise<void> {
    const newest = await this.#probe.newest();
    if (newest > this.#space.revision) await this.#wait(newest, catchUpMs);
  }

  async #commit(request: WriteRequest) {
    const { key, ttlSeconds } = request;
    const lease = ttlSeconds === undefined ? undefined : await this.#leases.leaseFor(ttlSeconds);
    const transaction = transactionOf(this.#keys.key(key), request, lease);
    const send = (with_: typeof transaction) => this.#client.write((member, call) => member.kv.Txn(with_, call));
    try {
      return await send(transaction);
    } catch (error) {
      if (lease === undefined || !isLeaseGone(error)) throw error;
      this.#leases.forget(lease);
      const anew = await this.#leases.leaseFor(ttlSeconds as number);
      return send(transactionOf(this.#keys.key(key), request, anew));
    }
  }

  /** Whether the cache holds what such a read must see. @throws StoreError Future */
  async #isFresh(notOlderThan: number | undefined): Promise<boolean> {
    if (notOlderThan !== undefined && notOlderThan <= this.#space.revision) return true;
    const space = this.#space;
    const known = space.revision;
    const newest = await this.#probe.newest();
    this.#checkOpen();
    if (newest < known) {
      // etcd was restored from a copy; whoever has noticed it meanwhile reads anew already.
      if (this.#space === space) this.#follower.restart();
      return false;
    }
    if (notOlderThan !== undefined && notOlderThan > newest)
      throw new StoreError('Future', `Too large resource version: ${notOlderThan}, current: ${newest}`);
    const needed = notOlderThan ?? newest;
    if (needed <= this.#space.revision) return true;
    this.#noteBehind();
    return this.#comes(needed);
  }

  /**
   * Whether the cache comes to a revision in time. Who writes elsewhere in this etcd is not seen by the watch, and some members
   * do not tell how far it is: of these nobody waits again, until something is seen.
   */
  async #comes(revision: number): Promise<boolean> {
    const known = this.#space.revision;
    if (this.#vainAt === known && !this.#follower.canAsk) return false;
    if ((await this.#wait(revision, patienceMs)) && this.#space.revision >= revision) return true;
    if (this.#space.revision === known) this.#vainAt = known;
    return false;
  }

  /** A member answers only when it has nothing left to send, so it is asked again while somebody waits. */
  #wait(revision: number, ms: number): Promise<boolean> {
    const reached = this.#waiters.wait(revision, ms);
    this.#ask();
    return reached;
  }

  #ask(): void {
    if (this.#asking || this.#waiters.size === 0) return;
    this.#follower.askProgress();
    this.#asking = this.#clock.schedule(askEveryMs, () => {
      this.#asking = undefined;
      this.#ask();
    });
  }

  /** A watch that hangs is found out by readers; nobody else is hurt by it. */
  #noteBehind(): void {
    const now = this.#clock.monotonicMs();
    this.#behindSinceMs ??= now;
    if (now - this.#behindSinceMs < stuckMs || !(this.#follower.canAsk || this.#follower.isElsewhere)) return;
    this.#behindSinceMs = now;
    this.#follower.restart();
  }

  #apply(changes: readonly Change[]): void {
    const own = changes.map((change) =>
      change.value ? { ...change, value: this.#pending.same(change.key, change.value) } : change,
    );
    this.#space.apply(own);
    this.#packing.worked(own.length);
    this.#moved();
  }

  #advance(revision: number): void {
    this.#space.advance(revision);
    this.#moved();
  }

  #moved(): void {
    this.#behindSinceMs = undefined;
    this.#waiters.reached(this.#space.revision);
  }

  /** Changes are missing: all who follow have to list again. */
  async #loadAnew(): Promise<void> {
    const before = this.#space;
    const next = await loadState({ client: this.#client, keys: this.#keys, values: this.#values });
    if (this.#closed) return;
    this.#space = next;
    this.#packing.worked(next.size);
    before.end(new StoreError('Compacted', 'etcd has forgotten changes that were not seen yet; list again'));
    this.#moved();
  }

  #checkOpen(): void {
    if (this.#closed) throw new StoreError('Closed', 'the store is closed');
  }
}

/**
 * Connects to etcd and reads what is there.
 * @throws StoreError Unavailable – no member answers; Unusable – it refuses us, or is not one etcd.
 */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  const { tls = async () => ({}), prefix = '/registry' } = options;
  const client = await EtcdClient.create({ ...options, tls });
  const source = { client, keys: new EtcdKeys(prefix), values: new EtcdValues(options.foreign) };
  try {
    const [space] = await Promise.all([loadState(source), checkOneCluster(client.members)]);
    const store = new EtcdStore(source, space, options);
    await store.catchUp();
    return store;
  } catch (error) {
    client[Symbol.dispose]();
    throw error;
  }
}
