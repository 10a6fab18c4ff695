import { Channel, type Clock, type Rng, randomSuffix, rfc3339, seededRng, systemClock } from '@berth/kit';
import { type ApiRequest, apiError, type KubeObject, type Transport, type WatchEvent } from '@berth/kube';
import { admit } from './fake-admission.ts';
import { jsonPatch, mergePatch } from './fake-patch.ts';
import { type ApiPath, matches, parsePath } from './fake-paths.ts';

/** One accepted write, in revision order. */
export interface Write {
  readonly revision: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly plural: string;
  readonly before: KubeObject | undefined;
  readonly after: KubeObject;
  readonly manager: string | undefined;
}

export interface FakeApiOptions {
  readonly clock?: Clock;
  readonly rng?: Rng;
}

/**
 * An API server in memory: revisions, conflicts, finalizers, graceful pod deletion, status subresources, patches,
 * list and resumable watch. It defaults only what storage controllers look at, and validates nothing.
 */
export class FakeApi implements Transport {
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #objects = new Map<string, KubeObject>();
  readonly #watchers = new Set<(write: Write) => void>();
  #revision = 0;
  /** Every write since the start. */
  readonly writes: Write[] = [];
  /** Every request served, for counting. */
  readonly requests: ApiRequest[] = [];
  /** Called before a request is served; throw from it to refuse, await in it to delay. */
  intercept: ((request: ApiRequest) => void | Promise<void>) | undefined;

  constructor(options: FakeApiOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#rng = options.rng ?? seededRng(1);
  }

  async request(request: ApiRequest, signal?: AbortSignal): Promise<unknown> {
    signal?.throwIfAborted();
    await this.intercept?.(request);
    await Promise.resolve();
    this.requests.push(request);
    const path = parsePath(request.path);
    const body = structuredClone(request.body) as KubeObject | undefined;
    if (request.method === 'GET') return path.name === undefined ? this.#list(path) : this.#get(path);
    if (request.method === 'POST') return this.#create(path, body!);
    if (request.method === 'PUT') return this.#update(path, body!);
    if (request.method === 'DELETE') return this.#delete(path, request.body as DeleteBody | undefined);
    return this.#patch(path, request);
  }

  async *watch(request: ApiRequest, signal: AbortSignal): AsyncIterable<WatchEvent> {
    await this.intercept?.(request);
    const path = parsePath(request.path);
    const since = Number(path.query.get('resourceVersion') ?? 0);
    const channel = new Channel<WatchEvent>();
    const deliver = (write: Write) => {
      const event = eventFor(write, path);
      if (event) channel.push(event);
    };
    if (since === 0) for (const object of this.#matching(path)) channel.push({ type: 'ADDED', object });
    else for (const write of this.writes) if (write.revision > since) deliver(write);
    this.#watchers.add(deliver);
    const end = () => channel.end();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      yield* channel;
    } finally {
      this.#watchers.delete(deliver);
      signal.removeEventListener('abort', end);
    }
  }

  /** All objects of a resource, for assertions. */
  all<T extends KubeObject>(type: { readonly plural: string; readonly object?: T }): T[] {
    return [...this.#objects].filter(([key]) => key.startsWith(`${type.plural}/`)).map(([, object]) => object as T);
  }

  #list(path: ApiPath): unknown {
    const items = this.#matching(path);
    return { kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: String(this.#revision) }, items };
  }

  #matching(path: ApiPath): KubeObject[] {
    const prefix = `${path.plural}/${path.namespace === undefined ? '' : `${path.namespace}/`}`;
    return [...this.#objects]
      .filter(([key, object]) => key.startsWith(prefix) && matches(object, path.query))
      .map(([, object]) => object);
  }

  #get(path: ApiPath): KubeObject {
    const object = this.#objects.get(path.key);
    if (object) return object;
    const resource = path.group === '' ? path.plural : `${path.plural}.${path.group}`;
    throw apiError('NotFound', `${resource} "${path.name}" not found`, {
      details: { name: path.name ?? '', kind: path.plural, ...(path.group === '' ? {} : { group: path.group }) },
    });
  }

  #create(path: ApiPath, body: KubeObject): KubeObject {
    if (path.subresource === 'binding') return this.#bindPod(path, body);
    const { metadata } = body;
    metadata.name ??= `${metadata.generateName}${randomSuffix(this.#rng)}`;
    if (path.namespace !== undefined) metadata.namespace = path.namespace;
    const key = parsePath(`${path.collection}/${encodeURIComponent(metadata.name)}`).key;
    if (this.#objects.has(key)) {
      throw apiError('AlreadyExists', `${path.plural} "${metadata.name}" already exists`);
    }
    metadata.uid = this.#rng.uuid();
    metadata.creationTimestamp = rfc3339(this.#clock.now());
    admit(path.plural, body, this.#clock);
    return this.#write(key, path, undefined, body);
  }

  #bindPod(path: ApiPath, binding: KubeObject & { target?: { name: string } }): KubeObject {
    const before = this.#get(path);
    const pod = structuredClone(before) as KubeObject & { spec: { nodeName?: string } };
    pod.spec.nodeName = binding.target?.name ?? '';
    return this.#write(path.key, path, before, pod);
  }

  #update(path: ApiPath, body: KubeObject): KubeObject {
    const before = this.#get(path);
    const wanted = body.metadata.resourceVersion;
    if (wanted !== undefined && wanted !== before.metadata.resourceVersion) throw conflict(path);
    if (body.metadata.uid !== undefined && body.metadata.uid !== before.metadata.uid) throw conflict(path);
    return this.#store(path, before, body);
  }

  #patch(path: ApiPath, { contentType, body }: ApiRequest): KubeObject {
    const before = this.#get(path);
    const patch = structuredClone(body);
    const after =
      contentType === 'application/json-patch+json'
        ? jsonPatch(before, patch as never)
        : mergePatch(before, patch, contentType?.includes('strategic'));
    const named = (patch as Partial<KubeObject>).metadata?.resourceVersion;
    if (named !== undefined && named !== before.metadata.resourceVersion) throw conflict(path);
    return this.#store(path, before, after as KubeObject);
  }

  /** The main resource keeps its status; the status subresource changes nothing else but metadata. */
  #store(path: ApiPath, before: KubeObject, body: KubeObject): KubeObject {
    const next: KubeObject & { status?: unknown } = structuredClone(path.subresource === 'status' ? before : body);
    const { status } = (path.subresource === 'status' ? body : before) as { status?: unknown };
    if (path.plural !== 'events' && status !== undefined) next.status = status;
    if (path.subresource === 'status') next.metadata = structuredClone(body.metadata);
    const { creationTimestamp, uid, deletionTimestamp, deletionGracePeriodSeconds } = before.metadata;
    Object.assign(next.metadata, { creationTimestamp, uid, deletionTimestamp, deletionGracePeriodSeconds });
    if (deletionTimestamp !== undefined && !next.metadata.finalizers?.length && path.plural !== 'pods') {
      return this.#remove(path, next);
    }
    return this.#write(path.key, path, before, next);
  }

  #delete(path: ApiPath, options: DeleteBody = {}): KubeObject {
    const before = this.#get(path);
    const { uid, resourceVersion } = options.preconditions ?? {};
    if (uid !== undefined && uid !== before.metadata.uid) throw conflict(path);
    if (resourceVersion !== undefined && resourceVersion !== before.metadata.resourceVersion) throw conflict(path);
    const scheduled = path.plural === 'pods' && (before as { spec?: { nodeName?: string } }).spec?.nodeName;
    const grace = scheduled ? (options.gracePeriodSeconds ?? 30) : 0;
    if (!before.metadata.finalizers?.length && grace === 0) return this.#remove(path, before);
    if (before.metadata.deletionTimestamp !== undefined) return before;
    const next = structuredClone(before);
    next.metadata.deletionTimestamp = rfc3339(this.#clock.now() + grace * 1000);
    next.metadata.deletionGracePeriodSeconds = grace;
    return this.#write(path.key, path, before, next);
  }

  #remove(path: ApiPath, last: KubeObject): KubeObject {
    const before = this.#objects.get(path.key);
    this.#objects.delete(path.key);
    const after = structuredClone(last);
    after.metadata.resourceVersion = String(++this.#revision);
    this.#publish({
      revision: this.#revision,
      type: 'DELETED',
      plural: path.plural,
      before,
      after,
      manager: path.manager,
    });
    return after;
  }

  #write(key: string, path: ApiPath, before: KubeObject | undefined, after: KubeObject): KubeObject {
    if (before && same(before, after)) return before;
    admit(path.plural, after, this.#clock, before);
    const clean = JSON.parse(JSON.stringify(after)) as KubeObject;
    clean.metadata.resourceVersion = String(++this.#revision);
    this.#objects.set(key, clean);
    const type = before ? 'MODIFIED' : 'ADDED';
    this.#publish({ revision: this.#revision, type, plural: path.plural, before, after: clean, manager: path.manager });
    return clean;
  }

  #publish(write: Write): void {
    this.writes.push(write);
    for (const deliver of this.#watchers) deliver(write);
  }
}

interface DeleteBody {
  readonly gracePeriodSeconds?: number;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

function conflict(path: ApiPath) {
  const resource = path.group === '' ? path.plural : `${path.plural}.${path.group}`;
  return apiError(
    'Conflict',
    `Operation cannot be fulfilled on ${resource} "${path.name}": the object has been modified; please apply your changes to the latest version and try again`,
  );
}

function same(a: KubeObject, b: KubeObject): boolean {
  const strip = (object: KubeObject) =>
    canonical({ ...object, metadata: { ...object.metadata, resourceVersion: undefined, managedFields: undefined } });
  return strip(a) === strip(b);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

function eventFor(write: Write, path: ApiPath): WatchEvent | undefined {
  const { after, before, plural } = write;
  if (plural !== path.plural) return undefined;
  if (path.namespace !== undefined && after.metadata.namespace !== path.namespace) return undefined;
  const was = before !== undefined && matches(before, path.query);
  const is = write.type !== 'DELETED' && matches(after, path.query);
  if (was && is) return { type: 'MODIFIED', object: after };
  if (is) return { type: 'ADDED', object: after };
  return was ? { type: 'DELETED', object: after } : undefined;
}
