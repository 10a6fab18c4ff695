import { Backoff, type Clock, type Logger, type Rng } from '@berth/kit';
import { isReason } from './api-error.ts';
import type { KubeClient, ListOptions } from './client.ts';
import { apiVersionOf } from './group-version.ts';
import type { InformerScope } from './informer.ts';
import type { InformerCache } from './informer-cache.ts';
import type { KubeObject, ResourceType } from './resource-type.ts';

export interface ReflectorOptions<T extends KubeObject> {
  readonly client: KubeClient;
  readonly type: ResourceType<T>;
  readonly scope: InformerScope;
  readonly cache: InformerCache<T>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly rng: Rng;
  readonly onSynced: () => void;
}

/** client-go's page size for lists of informers. */
const pageSize = 500;
/** A watch is renewed after 5 to 10 minutes, so that connections spread over servers (client-go reflector). */
const minWatchSeconds = 300;
/** A watch that ends sooner than this without an event is a fault, not a renewal (client-go "very short watch"). */
const shortWatchMs = 1000;

/** Follows one resource into a cache until the signal aborts: list, watch, resume, list again when compacted. */
export async function reflect<T extends KubeObject>(options: ReflectorOptions<T>, signal: AbortSignal): Promise<void> {
  const reflector = new Reflector(options, signal);
  while (!signal.aborted) await reflector.step();
}

class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>;
  readonly #signal: AbortSignal;
  readonly #backoff: Backoff;
  /** Resume the watch after this; undefined: list. */
  #revision: string | undefined;
  #listed = false;
  /** Listed again for a compacted revision, and no watch was of use since. */
  #relisted = false;

  constructor(options: ReflectorOptions<T>, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    // client-go's reflector back-off: 800 ms doubling to 30 s, with full jitter.
    this.#backoff = new Backoff({ initialMs: 800, maxMs: 30_000, factor: 2, jitter: 1, rng: options.rng });
  }

  async step(): Promise<void> {
    try {
      if (this.#revision === undefined) await this.#list();
      if (await this.#watch()) this.#wasOfUse();
      else await this.#pause(new Error('the watch ended at once without events'));
    } catch (error) {
      if (this.#signal.aborted) return;
      if (isReason(error, 'Expired', 'Gone')) {
        this.#options.log.debug('revision compacted, listing again', this.#facts());
        this.#revision = undefined;
        // At once the first time; a server that answers so to every fresh list is backed off from.
        if (!this.#relisted) {
          this.#relisted = true;
          return;
        }
      }
      await this.#pause(error);
    }
  }

  #wasOfUse(): void {
    this.#relisted = false;
    this.#backoff.forget('');
  }

  async #pause(error: unknown): Promise<void> {
    const delayMs = this.#backoff.next('');
    this.#options.log.warn('list or watch failed, will try again', { ...this.#facts(), delayMs, error });
    await this.#options.clock.sleep(delayMs, this.#signal).catch(() => undefined);
  }

  #facts() {
    return { resource: this.#options.type.plural, ...this.#options.scope };
  }

  async #list(): Promise<void> {
    const { cache, onSynced } = this.#options;
    // The first list may come from any cache; later ones must not be older than what was seen already.
    const { items, revision } = await this.#pages(this.#listed ? {} : { resourceVersion: '0' });
    await cache.replace(items, this.#signal);
    this.#revision = revision;
    if (!this.#listed) {
      this.#listed = true;
      onSynced();
    }
  }

  async #pages(from: ListOptions): Promise<{ items: T[]; revision: string }> {
    const { client, type, scope } = this.#options;
    const items: T[] = [];
    let page = await client.list(type, { ...scope, ...from, limit: pageSize }, this.#signal);
    while (true) {
      for (const item of page.items ?? []) items.push(this.#typed(item));
      const next = page.metadata.continue;
      if (!next) return { items, revision: page.metadata.resourceVersion ?? '' };
      try {
        page = await client.list(type, { ...scope, limit: pageSize, continue: next }, this.#signal);
      } catch (error) {
        if (!isReason(error, 'Expired', 'Gone')) throw error;
        // The pages' revision was compacted between two pages: take all at once (client-go pager's fallback).
        items.length = 0;
        page = await client.list(type, scope, this.#signal);
      }
    }
  }

  /** Items of a list carry no kind of their own. */
  #typed(item: T): T {
    if (item.kind !== undefined && item.apiVersion !== undefined) return item;
    const { type } = this.#options;
    return { ...item, apiVersion: apiVersionOf(type), kind: type.kind };
  }

  /** True when the watch was of use: it lived a while or brought something. */
  async #watch(): Promise<boolean> {
    const { client, type, scope, cache, clock, rng } = this.#options;
    const startedMs = clock.monotonicMs();
    let seen = false;
    const watch = client.watch(
      type,
      {
        ...scope,
        ...(this.#revision === undefined ? {} : { resourceVersion: this.#revision }),
        allowWatchBookmarks: true,
        timeoutSeconds: Math.floor(minWatchSeconds * (1 + rng.next())),
      },
      this.#signal,
    );
    for await (const event of watch) {
      if (this.#signal.aborted) return true;
      seen = true;
      if (event.type === 'DELETED') cache.delete(event.object);
      else if (event.type !== 'BOOKMARK') cache.put(this.#typed(event.object));
      this.#revision = event.object.metadata.resourceVersion ?? this.#revision;
      this.#wasOfUse();
    }
    return seen || this.#signal.aborted || clock.monotonicMs() - startedMs >= shortWatchMs;
  }
}
