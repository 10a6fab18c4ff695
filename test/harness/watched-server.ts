import type { FakeClock, Rng } from '@berth/kit';
import { silentLogger } from '@berth/kit';
import {
  type ApiRequest,
  KubeClient,
  type KubeObject,
  keyOf,
  resources,
  type Transport,
  type WatchEvent,
} from '@berth/kube';
import { type ApiServer, createApiServer } from '../../orchestrator/src/api-server/create-api-server.ts';
import { definitions } from '../../orchestrator/src/api-server/resources/definitions.ts';
import { MemoryStore } from '../../orchestrator/src/store/store.memory.ts';
import type { Write } from './fake-api.ts';

const watched = [
  resources.persistentvolumeclaims,
  resources.persistentvolumes,
  resources.volumeattachments,
  resources.pods,
] as const;

/** The real API server on a store in memory, with what a watcher of the storage kinds sees of it. */
export class WatchedServer implements Transport, AsyncDisposable {
  readonly #server: ApiServer;
  readonly #transport: Transport;
  readonly #seen: Write[] = [];
  readonly #objects = new Map<string, KubeObject>();
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>[];

  private constructor(server: ApiServer) {
    this.#server = server;
    this.#transport = server.transport();
    const client = new KubeClient(this.#transport);
    this.#watching = watched.map((type) => this.#follow(client, type as never));
  }

  static async start(clock: FakeClock, rng: Rng): Promise<WatchedServer> {
    const store = new MemoryStore({ clock });
    const server = await createApiServer({
      store,
      definitions,
      clock,
      rng,
      log: silentLogger,
      nodeApi: () => undefined,
    });
    return new WatchedServer(server);
  }

  /** In revision order, whichever watch brought them. */
  get writes(): readonly Write[] {
    return this.#seen.toSorted((a, b) => a.revision - b.revision);
  }

  all<T extends KubeObject>(type: { readonly plural: string; readonly object?: T }): T[] {
    return [...this.#objects].filter(([key]) => key.startsWith(`${type.plural}/`)).map(([, object]) => object as T);
  }

  request(request: ApiRequest, signal?: AbortSignal): Promise<unknown> {
    return this.#transport.request(request, signal);
  }

  watch(request: ApiRequest, signal: AbortSignal): AsyncIterable<WatchEvent> {
    return this.#transport.watch(request, signal);
  }

  async #follow(client: KubeClient, type: (typeof watched)[0]): Promise<void> {
    const { signal } = this.#stop;
    const { metadata } = await client.list(type, {}, signal);
    const resourceVersion = metadata.resourceVersion ?? '';
    for await (const event of client.watch(type, { resourceVersion }, signal)) {
      if (event.type !== 'BOOKMARK') this.#take(type.plural, { type: event.type, object: event.object });
    }
  }

  #take(plural: string, { type, object }: { type: Write['type']; object: KubeObject }): void {
    const key = `${plural}/${keyOf(object)}`;
    const before = this.#objects.get(key);
    if (type === 'DELETED') this.#objects.delete(key);
    else this.#objects.set(key, object);
    const revision = Number(object.metadata.resourceVersion);
    this.#seen.push({ revision, type, plural, before, after: object, manager: undefined });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#watching);
    await this.#server[Symbol.asyncDispose]();
  }
}
