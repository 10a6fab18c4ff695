import type { MetricRegistry, Sample } from '../../metrics/metric-registry.ts';
import type { StoreEvent } from '../../store/store.ts';
import type { ServerContext } from '../server-context.ts';

const about = ['group', 'resource'];

/** What the store tells of changes, and how large it is, under upstream's names. */
export class StoreMetrics {
  readonly #context: ServerContext;
  /** By the part of keys that is a resource's. */
  readonly #events = new Map<string, number>();

  constructor(registry: MetricRegistry, context: ServerContext) {
    this.#context = context;
    const events = () => this.#samples();
    const { store } = context;
    registry.count('apiserver_storage_events_received_total', 'Events that the store has told.', about, events);
    registry.count('apiserver_watch_cache_events_received_total', 'Events that watches may be about.', about, events);
    registry.count('apiserver_watch_cache_events_dispatched_total', 'Events that went on to watches.', about, events);
    registry.gauge(
      'apiserver_storage_size_bytes',
      'What the store takes in bytes.',
      ['storage_cluster_id'],
      async () => {
        const bytes = await store.sizeBytes?.().catch(() => undefined);
        return bytes === undefined ? [] : [[['etcd-0'], bytes]];
      },
    );
  }

  /** Counts until `signal`; what comes while it falls behind is not. */
  async follow(signal: AbortSignal): Promise<void> {
    const { store } = this.#context;
    while (!signal.aborted)
      try {
        for await (const batch of store.watch('/registry/', store.revision, signal)) this.#count(batch);
        return;
      } catch {
        if (!signal.aborted) await this.#context.clock.sleep(1000, signal).catch(() => undefined);
      }
  }

  #count(batch: readonly StoreEvent[]): void {
    for (const { item } of batch) {
      const place = placeOf(item.key);
      this.#events.set(place, (this.#events.get(place) ?? 0) + 1);
    }
  }

  #samples(): Sample[] {
    const { definitions } = this.#context.registry;
    const groups = new Map(definitions.filter(({ storedAs }) => !storedAs).map(({ group, plural }) => [plural, group]));
    return [...this.#events].map(([place, count]) => {
      const [plural = '', group] = place.split('/').reverse();
      return [[group ?? groups.get(plural) ?? '', plural], count];
    });
  }
}

/** `pods` of `/registry/pods/…`; of custom resources `example.com/foos`. */
function placeOf(key: string): string {
  const from = '/registry/'.length;
  const first = key.indexOf('/', from);
  const place = key.slice(from, first);
  return place.includes('.') ? key.slice(from, key.indexOf('/', first + 1)) : place;
}
