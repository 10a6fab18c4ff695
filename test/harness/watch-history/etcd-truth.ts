import { GrpcConnection, loadEtcd } from '@berth/protos';
import type { EtcdEndpoint } from '../../../orchestrator/src/store/etcd/etcd-endpoint.ts';
import { EtcdKeys } from '../../../orchestrator/src/store/etcd/etcd-keys.ts';
import { objectOf } from './sqlite-truth.ts';
import type { TrueChange } from './true-history.ts';

const root = '/registry/';

/** Follows etcd from its first revision on by a client of its own, so that compaction takes nothing from what it knows. */
export class EtcdTruth implements Disposable {
  readonly changes: TrueChange[] = [];
  readonly #kinds: readonly string[];
  readonly #keys = new EtcdKeys('/registry');
  readonly #connection: GrpcConnection;
  readonly #services: Awaited<ReturnType<typeof loadEtcd>>;
  readonly #reached = new Map<number, () => void>();
  readonly #end = new AbortController();
  #revision = 0;
  #failure: unknown;

  private constructor(
    connection: GrpcConnection,
    services: Awaited<ReturnType<typeof loadEtcd>>,
    kinds: readonly string[],
  ) {
    this.#connection = connection;
    this.#services = services;
    this.#kinds = kinds;
    void this.#follow().catch((error: unknown) => {
      this.#failure = error;
    });
  }

  static async follow({ address }: EtcdEndpoint, kinds: readonly string[]): Promise<EtcdTruth> {
    return new EtcdTruth(new GrpcConnection(address), await loadEtcd(), kinds);
  }

  /** Until all that was written by now has come. */
  async catchUp(): Promise<void> {
    const key = new TextEncoder().encode('/test-end');
    const { header } = await this.#connection.service(this.#services.etcdKv).Put({ key });
    const end = Number(header?.revision);
    if (this.#failure) throw this.#failure;
    if (this.#revision >= end) return;
    await new Promise<void>((resolve) => this.#reached.set(end, resolve));
  }

  /** Forgets what was before the newest `keep` revisions, as another server of this etcd would. */
  async compact(keep: number): Promise<void> {
    const revision = this.#revision - keep;
    if (revision <= 1) return;
    const kv = this.#connection.service(this.#services.etcdKv);
    await kv.Compact({ revision: String(revision) }).catch((error: unknown) => {
      // A server has done so itself, and further.
      if (!/has been compacted/.test(String(error))) throw error;
    });
  }

  [Symbol.dispose](): void {
    this.#end.abort();
    this.#connection[Symbol.dispose]();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#end;
    using stream = this.#connection.service(this.#services.etcdWatch).Watch({ signal });
    stream.write({ createRequest: { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0), startRevision: '1' } });
    for await (const { events, canceled, cancelReason } of stream) {
      if (canceled) throw new Error(`etcd ended the watch: ${cancelReason}`);
      for (const { type, kv } of events) {
        const revision = Number(kv?.modRevision);
        const ours = kv && this.#keys.ours(kv.key);
        if (ours?.startsWith(root) && this.#kinds.includes(ours.slice(root.length).split('/', 1)[0] ?? ''))
          this.changes.push({
            revision,
            key: ours.slice(root.length),
            object: type === 'DELETE' ? undefined : objectOf(kv?.value ?? new Uint8Array()),
          });
        this.#revision = revision;
      }
      for (const [end, resolve] of this.#reached) if (end <= this.#revision) resolve();
    }
  }
}
