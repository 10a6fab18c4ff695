import { apiError } from './api-error.ts';
import type { ListMeta, Status } from './gen/types.ts';
import { apiVersionOf } from './group-version.ts';
import type { KubeObject, ResourceType } from './resource-type.ts';
import type { ApiRequest, Transport, WatchEvent } from './transport.ts';

/** Which object of a resource: `namespace` for namespaced ones only. */
export interface ObjectRef {
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface ObjectList<T extends KubeObject> {
  readonly metadata: ListMeta;
  readonly items: readonly T[];
}

export interface ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan';
}

export interface WatchOptions extends Omit<ListOptions, 'limit' | 'continue'> {
  readonly allowWatchBookmarks?: boolean;
  readonly sendInitialEvents?: boolean;
  readonly timeoutSeconds?: number;
}

export interface WriteOptions {
  readonly fieldManager?: string;
  readonly dryRun?: 'All';
  /** `status`, `scale`, `binding`, `eviction`, `token` … */
  readonly subresource?: string;
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

export type Patch =
  | { readonly type: 'merge' | 'strategic'; readonly patch: unknown }
  | { readonly type: 'json'; readonly patch: readonly { op: string; path: string; value?: unknown; from?: string }[] }
  | { readonly type: 'apply'; readonly patch: unknown; readonly fieldManager: string; readonly force?: boolean };

const patchTypes = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

/** The Kubernetes API over a transport. Every method throws ApiError; objects returned are shared and never changed. */
export class KubeClient {
  readonly #transport: Transport;
  readonly #fieldManager: string | undefined;

  constructor(transport: Transport, options: { fieldManager?: string } = {}) {
    this.#transport = transport;
    this.#fieldManager = options.fieldManager;
  }

  /** The same connection, writing as another manager. */
  as(fieldManager: string): KubeClient {
    return new KubeClient(this.#transport, { fieldManager });
  }

  get<T extends KubeObject>(type: ResourceType<T>, ref: ObjectRef, signal?: AbortSignal): Promise<T> {
    return this.raw({ method: 'GET', path: objectPath(type, ref) }, signal);
  }

  /** The object, or undefined where there is none. */
  async find<T extends KubeObject>(
    type: ResourceType<T>,
    ref: ObjectRef,
    signal?: AbortSignal,
  ): Promise<T | undefined> {
    try {
      return await this.get(type, ref, signal);
    } catch (error) {
      if ((error as { code?: unknown }).code === 'NotFound') return undefined;
      throw error;
    }
  }

  list<T extends KubeObject>(
    type: ResourceType<T>,
    options: ListOptions = {},
    signal?: AbortSignal,
  ): Promise<ObjectList<T>> {
    const { namespace, ...query } = options;
    return this.raw({ method: 'GET', path: collectionPath(type, namespace) + queryString(query) }, signal);
  }

  watch<T extends KubeObject>(
    type: ResourceType<T>,
    options: WatchOptions,
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>> {
    const { namespace, ...query } = options;
    const path = collectionPath(type, namespace) + queryString({ ...query, watch: true });
    return this.#transport.watch({ method: 'GET', path }, signal) as AsyncIterable<WatchEvent<T>>;
  }

  create<T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    options: WriteOptions = {},
    signal?: AbortSignal,
  ): Promise<T> {
    const path = collectionPath(type, object.metadata.namespace) + this.#writeQuery(options);
    return this.raw({ method: 'POST', path, body: this.#typed(type, object) }, signal);
  }

  /** POST to a subresource, such as a pod's `binding` or a service account's `token`. */
  createSub<R>(
    type: ResourceType,
    ref: ObjectRef,
    subresource: string,
    body: unknown,
    signal?: AbortSignal,
  ): Promise<R> {
    const path = `${objectPath(type, ref)}/${subresource}${this.#writeQuery({})}`;
    return this.raw({ method: 'POST', path, body }, signal);
  }

  /** PUT of a whole object; its resourceVersion guards against lost updates. @throws ApiError Conflict – it changed meanwhile. */
  update<T extends KubeObject>(
    type: ResourceType<T>,
    object: T,
    options: WriteOptions = {},
    signal?: AbortSignal,
  ): Promise<T> {
    const name = object.metadata.name;
    if (name === undefined) throw apiError('BadRequest', 'name is required to update an object');
    const path = objectPath(type, { namespace: object.metadata.namespace, name }, options.subresource);
    return this.raw({ method: 'PUT', path: path + this.#writeQuery(options), body: this.#typed(type, object) }, signal);
  }

  updateStatus<T extends KubeObject>(type: ResourceType<T>, object: T, signal?: AbortSignal): Promise<T> {
    return this.update(type, object, { subresource: 'status' }, signal);
  }

  patch<T extends KubeObject>(
    type: ResourceType<T>,
    ref: ObjectRef,
    patch: Patch,
    options: WriteOptions = {},
    signal?: AbortSignal,
  ): Promise<T> {
    const apply = patch.type === 'apply' ? { fieldManager: patch.fieldManager, force: patch.force } : {};
    const path = objectPath(type, ref, options.subresource) + this.#writeQuery({ ...options, ...apply });
    return this.raw({ method: 'PATCH', path, body: patch.patch, contentType: patchTypes[patch.type] }, signal);
  }

  /** Asks for deletion: the object goes at once, or when its finalizers and grace period allow. */
  delete(
    type: ResourceType,
    ref: ObjectRef,
    options: DeleteOptions = {},
    signal?: AbortSignal,
  ): Promise<KubeObject | Status> {
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', ...options };
    return this.raw({ method: 'DELETE', path: objectPath(type, ref), body }, signal);
  }

  async raw<R>(request: ApiRequest, signal?: AbortSignal): Promise<R> {
    return (await this.#transport.request(request, signal)) as R;
  }

  #typed<T extends KubeObject>(type: ResourceType<T>, object: T): T {
    return { ...object, apiVersion: object.apiVersion ?? apiVersionOf(type), kind: object.kind ?? type.kind };
  }

  #writeQuery({ subresource: _, ...options }: WriteOptions & { force?: boolean | undefined }): string {
    return queryString({ fieldManager: this.#fieldManager, ...options });
  }
}

function collectionPath(type: ResourceType, namespace?: string): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  const scope = type.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${type.plural}`;
}

function objectPath(type: ResourceType, ref: ObjectRef, subresource?: string): string {
  const path = `${collectionPath(type, ref.namespace)}/${encodeURIComponent(ref.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

function queryString(options: Readonly<Record<string, unknown>>): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(options)) if (value !== undefined) query.set(key, String(value));
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}
