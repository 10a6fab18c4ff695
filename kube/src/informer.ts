import type { KubeObject, ResourceType } from './resource-type.ts';

/** `namespace/name`, or `name` for cluster-scoped objects: the form keys have in queues. */
export type ObjectKey = string;

/** Called synchronously, in order, for every change; `before` is absent when added, `after` when deleted. Only enqueues. */
export type ChangeHandler<T> = (
  key: ObjectKey,
  change: { readonly before: T | undefined; readonly after: T | undefined },
) => void;

/** What of an object finds it in {@link Informer.byIndex}: e.g. a pod's node name. */
export type Indexer<T> = (object: T) => readonly string[];

/**
 * A local copy of a resource that follows the server's watch: list once, then resume by revision, list again only when
 * the server has compacted it. Objects are shared with every reader and never changed.
 */
export interface Informer<T extends KubeObject> {
  readonly type: ResourceType<T>;
  /** True once the first list was delivered to every handler. */
  readonly synced: boolean;
  whenSynced(signal?: AbortSignal): Promise<void>;
  /** A handler added late is first told of every object there is, as added. */
  onChange(handler: ChangeHandler<T>): Disposable;
  get(key: ObjectKey): T | undefined;
  list(namespace?: string): T[];
  /** Adds an index, filled from what is there. Adding a name twice keeps the first. */
  addIndex(name: string, indexer: Indexer<T>): void;
  byIndex(name: string, value: string): T[];
}

/** Which part of a resource an informer follows; the server does the selecting. */
export interface InformerScope {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** The informers of a process, one a resource and scope however many controllers read it. Disposing stops all watches. */
export interface Informers extends AsyncDisposable {
  /** Starts the informer at the first call. */
  of<T extends KubeObject>(type: ResourceType<T>, scope?: InformerScope): Informer<T>;
  /** Resolves when every informer asked for so far has synced. */
  whenSynced(signal?: AbortSignal): Promise<void>;
}

export function keyOf(object: KubeObject): ObjectKey {
  const { namespace, name } = object.metadata;
  return namespace ? `${namespace}/${name}` : `${name}`;
}

export function splitKey(key: ObjectKey): { namespace: string | undefined; name: string } {
  const slash = key.indexOf('/');
  return slash < 0
    ? { namespace: undefined, name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
