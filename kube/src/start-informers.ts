import { abortable, type Clock, type Logger, messageOf, type Rng, systemRng } from '@berth/kit';
import type { KubeClient } from './client.ts';
import type { Informer, InformerScope, Informers } from './informer.ts';
import { InformerCache } from './informer-cache.ts';
import { reflect } from './reflector.ts';
import type { KubeObject, ResourceType } from './resource-type.ts';

export interface InformersOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** For jitter only. */
  readonly rng?: Rng;
}

interface Running {
  readonly informer: Informer<KubeObject>;
  readonly done: Promise<void>;
}

/** Informers over one client; each starts when it is first asked for and ends with `signal` or disposal. */
export function startInformers(client: KubeClient, options: InformersOptions, signal: AbortSignal): Informers {
  const running = new Map<string, Running>();
  const stop = new AbortController();
  const stopped = AbortSignal.any([signal, stop.signal]);
  return {
    of<T extends KubeObject>(type: ResourceType<T>, scope: InformerScope = {}): Informer<T> {
      const key = scopeKey(type, scope);
      const known = running.get(key) ?? startInformer({ client, type, scope, ...options }, stopped);
      running.set(key, known as Running);
      return (known as Running).informer as Informer<T>;
    },
    async whenSynced(waitSignal) {
      await Promise.all([...running.values()].map(({ informer }) => informer.whenSynced(waitSignal)));
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all([...running.values()].map(({ done }) => done));
    },
  };
}

function scopeKey(type: ResourceType, { namespace, labelSelector, fieldSelector }: InformerScope): string {
  return JSON.stringify([type.group, type.version, type.plural, namespace, labelSelector, fieldSelector]);
}

interface StartOptions<T extends KubeObject> extends InformersOptions {
  readonly client: KubeClient;
  readonly type: ResourceType<T>;
  readonly scope: InformerScope;
}

function startInformer<T extends KubeObject>(options: StartOptions<T>, signal: AbortSignal) {
  const { type, log, rng = systemRng } = options;
  const cache = new InformerCache<T>((error) =>
    log.error('a change handler failed', { resource: type.plural, error, detail: messageOf(error) }),
  );
  const first = Promise.withResolvers<void>();
  let synced = false;
  const onSynced = () => {
    synced = true;
    first.resolve();
  };
  const done = reflect({ ...options, rng, cache, onSynced }, signal);
  const informer: Informer<T> = {
    type,
    get synced() {
      return synced;
    },
    whenSynced: (waitSignal) =>
      synced
        ? Promise.resolve()
        : abortable(first.promise, waitSignal ? AbortSignal.any([signal, waitSignal]) : signal),
    onChange: (handler) => cache.addHandler(handler),
    get: (key) => cache.get(key),
    list: (namespace) => cache.list(namespace),
    addIndex: (name, indexer) => cache.addIndex(name, indexer),
    byIndex: (name, value) => cache.byIndex(name, value),
  };
  return { informer, done };
}
