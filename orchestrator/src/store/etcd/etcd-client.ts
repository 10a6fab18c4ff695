import { type Clock, type Logger, messageOf, type Rng } from '@berth/kit';
import {
  type CallOptions,
  type etcd,
  GrpcConnection,
  loadEtcd,
  type ServiceClient,
  type TlsFiles,
} from '@berth/protos';
import { StoreError } from '../store-error.ts';
import type { EtcdEndpoint } from './etcd-endpoint.ts';
import { connectionWords, fateOf, storeErrorOf } from './etcd-error.ts';

export interface EtcdClientOptions {
  readonly endpoints: readonly EtcdEndpoint[];
  /** Asked before each connection (client/pkg/transport/listener.go, GetClientCertificate). */
  readonly tls: () => Promise<TlsFiles>;
  /** Which endpoint is called first; the first one where absent. Servers of one etcd should not all begin at the same. */
  readonly rng?: Rng;
  /** How long anything is tried. */
  readonly giveUpMs?: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One endpoint and its services. */
export interface EtcdMember {
  readonly url: string;
  readonly connection: GrpcConnection;
  readonly kv: ServiceClient<etcd.KVService>;
  readonly watch: ServiceClient<etcd.WatchService>;
  readonly lease: ServiceClient<etcd.LeaseService>;
  readonly maintenance: ServiceClient<etcd.MaintenanceService>;
}

type Call<T> = (member: EtcdMember, options: CallOptions) => Promise<T>;

/** How long a connection may take where there are others to try. */
const connectMs = 2_000;
/** How long one member may take for a read before another is asked, at first. */
const readMs = 1_000;
/** How long anything is tried unless told otherwise; etcd itself gives a proposal up after 5 s and an election. */
const defaultGiveUpMs = 10_000;
/** Between rounds over all endpoints. */
const pauseMs = 100;
/** A call that has less time than this is not begun: it would be cut off, and nobody would know whether it was done. */
const leastMs = 100;
/** So often anything is tried, however late it is: time in which this machine stood still was no time to answer. */
const leastTries = 3;
/** etcd refuses clients that ask more often than every 5 s (its grpc-keepalive-min-time). */
const keepalive = { everyMs: 10_000, timeoutMs: 5_000 } as const;

/**
 * The members of one etcd. Calls go to one of them until it fails, then to the next; what may have been carried out is
 * repeated only if it is a read.
 */
export class EtcdClient implements Disposable {
  readonly members: readonly EtcdMember[];
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #end = new AbortController();
  readonly #giveUpMs: number;
  readonly #tls: EtcdClientOptions['tls'];
  #current = 0;

  private constructor(
    members: readonly EtcdMember[],
    { clock, log, rng, tls, giveUpMs = defaultGiveUpMs }: EtcdClientOptions,
  ) {
    this.members = members;
    this.#tls = tls;
    this.#giveUpMs = giveUpMs;
    this.#current = rng ? Math.floor(rng.next() * members.length) : 0;
    this.#clock = clock;
    this.#log = log;
  }

  static async create(options: EtcdClientOptions): Promise<EtcdClient> {
    const services = await loadEtcd();
    const members = options.endpoints.map(({ url, address, tls }): EtcdMember => {
      const connection = new GrpcConnection(address, {
        ...(tls ? { tls: options.tls } : {}),
        keepalive,
        // A member cut off from the others answers at once that it can do nothing.
        metadata: { hasleader: 'true' },
      });
      return {
        url,
        connection,
        kv: connection.service(services.etcdKv),
        watch: connection.service(services.etcdWatch),
        lease: connection.service(services.etcdLease),
        maintenance: connection.service(services.etcdMaintenance),
      };
    });
    return new EtcdClient(members, options);
  }

  /** The one that is called now. */
  get member(): EtcdMember {
    return this.members[this.#current] as EtcdMember;
  }

  /** Of another number of endpoints than one, a failed one is not asked again before the others. */
  leave(member: EtcdMember): void {
    if (this.member === member) this.#current = (this.#current + 1) % this.members.length;
  }

  /** A call that may be repeated. @throws StoreError Unavailable, and what etcd refuses with. */
  read<T>(call: Call<T>): Promise<T> {
    return this.#run(call, { attemptMs: readMs, mayRepeat: true });
  }

  /** A call that must not be done twice. @throws StoreError Unavailable – not done; Uncertain – perhaps done. */
  write<T>(call: Call<T>): Promise<T> {
    return this.#run(call, { attemptMs: this.#giveUpMs, mayRepeat: false });
  }

  [Symbol.dispose](): void {
    this.#end.abort(new StoreError('Closed', 'the store is closed'));
    for (const { connection } of this.members) connection[Symbol.dispose]();
  }

  async #run<T>(call: Call<T>, { attemptMs, mayRepeat }: { attemptMs: number; mayRepeat: boolean }): Promise<T> {
    const { signal } = this.#end;
    const endAt = this.#clock.monotonicMs() + this.#giveUpMs;
    let tries = 1;
    const leftMs = () => Math.max(endAt - this.#clock.monotonicMs(), tries > leastTries ? 0 : readMs);
    let last: unknown;
    for (; ; tries++) {
      signal.throwIfAborted();
      const { member } = this;
      if (leftMs() < leastMs) throw await this.#unavailable(member, last);
      if ((await member.connection.ready(Math.min(leftMs(), connectMs))) && leftMs() >= leastMs) {
        try {
          // All members being slow, the next round has more patience.
          const rounds = Math.floor((tries - 1) / this.members.length);
          return await call(member, { timeoutMs: Math.min(leftMs(), attemptMs * 2 ** rounds), signal });
        } catch (error) {
          signal.throwIfAborted();
          last = error;
          const fate = fateOf(error);
          if (fate === 'refused') throw storeErrorOf(error);
          if (fate === 'unknown' && !mayRepeat) {
            this.leave(member);
            throw new StoreError('Uncertain', messageOf(error), { cause: error });
          }
          this.#log.debug('etcd member failed', { endpoint: member.url, error });
        }
      }
      this.leave(member);
      if (tries % this.members.length === 0) await this.#clock.sleep(pauseMs, signal);
    }
  }

  /** Why there is no connection, only a call is told. */
  async #unavailable({ maintenance }: EtcdMember, last: unknown): Promise<StoreError> {
    const cause = last ?? (await maintenance.Status({}, { timeoutMs: 500 }).catch((error: unknown) => error));
    const urls = this.members.map(({ url }) => url).join(', ');
    const { cert } = await this.#tls().catch((): TlsFiles => ({}));
    const why = connectionWords(messageOf(cause), cert && { cert, nowMs: this.#clock.now() });
    return new StoreError('Unavailable', `etcd at ${urls} does not answer: ${why}`, { cause });
  }
}
