import { Channel } from '@berth/kit';
import { type ApiRequest, apiError, type KubeObject, type Transport, type WatchEvent } from '@berth/kube';

type Json = Record<string, unknown>;

/** An API server in memory: objects by path, revisions, watches, and the patches a kubelet sends. */
export class FakeApi implements Transport {
  readonly #objects = new Map<string, KubeObject>();
  readonly #watches = new Set<{ collection: string; channel: Channel<WatchEvent> }>();
  /** Every write of an object, in order. */
  readonly history: { readonly verb: string; readonly path: string; readonly object: KubeObject }[] = [];
  #revision = 0;

  /** Puts an object as any other client would. */
  put(path: string, object: KubeObject): void {
    this.#store(this.#objects.has(path) ? 'MODIFIED' : 'ADDED', path, object);
  }

  /** Takes an object away, as a delete with grace period 0 does. */
  remove(path: string): void {
    const object = this.#objects.get(path);
    this.#objects.delete(path);
    if (object) this.#tell('DELETED', path, { ...object, metadata: { ...object.metadata, ...this.#next() } });
  }

  find<T extends KubeObject>(path: string): T | undefined {
    return this.#objects.get(path) as T | undefined;
  }

  async request({ method, path: full, body, contentType }: ApiRequest): Promise<unknown> {
    const path = full.split('?')[0] as string;
    if (method === 'GET') return this.#objects.get(path) ?? this.#list(path);
    if (method === 'POST') return this.#create(path, structuredClone(body) as KubeObject);
    const [target, subresource] = splitSubresource(path);
    const known = this.#objects.get(target);
    if (!known) throw apiError('NotFound', `"${target}" not found`);
    if (method === 'DELETE') return this.#delete(target, known, body as Json);
    const sent = structuredClone(body) as Json;
    const next =
      method === 'PUT' ? this.#replaced(known, sent as never, subresource) : patched(known, sent, contentType);
    this.history.push({ verb: method, path, object: next });
    return this.#store('MODIFIED', target, next);
  }

  async *watch({ path: full }: ApiRequest, signal: AbortSignal): AsyncIterable<WatchEvent> {
    const [collection = '', query] = full.split('?');
    const channel = new Channel<WatchEvent>();
    const watch = { collection, channel };
    this.#watches.add(watch);
    const since = Number(new URLSearchParams(query).get('resourceVersion') ?? 0);
    for (const [path, object] of this.#objects) {
      const revision = Number(object.metadata.resourceVersion);
      if (isIn(collection, path) && revision > since) channel.push({ type: 'ADDED', object });
    }
    signal.addEventListener('abort', () => channel.end(), { once: true });
    try {
      yield* channel;
    } finally {
      this.#watches.delete(watch);
    }
  }

  #list(path: string) {
    if (
      !/\/(pods|nodes|services|leases|secrets|configmaps|persistentvolumeclaims|persistentvolumes|csidrivers)$/.test(
        path,
      )
    ) {
      const name = path.split('/').at(-1) ?? '';
      throw apiError('NotFound', `${path.split('/').at(-2)} "${name}" not found`);
    }
    const items = [...this.#objects].filter(([key]) => isIn(path, key)).map(([, object]) => object);
    return { metadata: { resourceVersion: String(this.#revision) }, items };
  }

  #create(collection: string, object: KubeObject): KubeObject {
    const path = `${collection}/${object.metadata.name}`;
    if (this.#objects.has(path)) throw apiError('AlreadyExists', `${path} already exists`);
    this.history.push({ verb: 'POST', path, object });
    const uid = object.metadata.uid ?? `00000000-0000-4000-a000-${String(this.#revision).padStart(12, '0')}`;
    return this.#store('ADDED', path, { ...object, metadata: { ...object.metadata, uid } });
  }

  #delete(path: string, known: KubeObject, body: Json): KubeObject {
    const uid = (body['preconditions'] as { uid?: string } | undefined)?.uid;
    if (uid !== undefined && uid !== known.metadata.uid) throw apiError('Conflict', 'uid differs');
    this.history.push({ verb: 'DELETE', path, object: known });
    this.remove(path);
    return known;
  }

  #replaced(known: KubeObject, sent: KubeObject & Json, subresource: string | undefined): KubeObject {
    const { resourceVersion } = sent.metadata;
    if (resourceVersion !== undefined && resourceVersion !== known.metadata.resourceVersion) {
      throw apiError('Conflict', 'the object has been modified');
    }
    return subresource === 'status' ? ({ ...known, status: sent['status'] } as KubeObject) : sent;
  }

  #store(type: 'ADDED' | 'MODIFIED', path: string, object: KubeObject): KubeObject {
    const stored = { ...object, metadata: { ...object.metadata, ...this.#next() } };
    this.#objects.set(path, stored);
    this.#tell(type, path, stored);
    return stored;
  }

  #tell(type: WatchEvent['type'], path: string, object: KubeObject): void {
    for (const { collection, channel } of this.#watches) if (isIn(collection, path)) channel.push({ type, object });
  }

  #next() {
    return { resourceVersion: String(++this.#revision) };
  }
}

/** `/api/v1/pods` holds the pods of every namespace. */
function isIn(collection: string, path: string): boolean {
  const plural = collection.split('/').at(-1);
  const parts = path.split('/');
  return parts.at(-2) === plural && (path.startsWith(`${collection}/`) || !collection.includes('/namespaces/'));
}

function splitSubresource(path: string): [string, string | undefined] {
  return path.endsWith('/status') ? [path.slice(0, -'/status'.length), 'status'] : [path, undefined];
}

/** A strategic merge of a status: conditions by type, the rest replaced. */
function patched(known: KubeObject, patch: Json, contentType: string | undefined): KubeObject {
  if (contentType !== 'application/strategic-merge-patch+json')
    throw apiError('UnsupportedMediaType', `${contentType}`);
  const { uid } = (patch['metadata'] ?? {}) as { uid?: string };
  if (uid !== undefined && uid !== known.metadata.uid) throw apiError('Conflict', 'uid differs');
  const status = structuredClone((known as KubeObject & { status?: Json }).status ?? {});
  for (const [key, value] of Object.entries(patch['status'] as Json)) {
    if (key === 'conditions') status[key] = mergeByType(status[key] as Json[], value as Json[]);
    else if (value === null) delete status[key];
    else if (!key.startsWith('$')) status[key] = value;
  }
  return { ...known, status } as KubeObject;
}

function mergeByType(before: readonly Json[] = [], changes: readonly Json[]): Json[] {
  const merged = new Map(before.map((one) => [one['type'], one]));
  for (const change of changes) {
    if (change['$patch'] === 'delete') merged.delete(change['type']);
    else {
      const whole = { ...merged.get(change['type']), ...change };
      merged.set(change['type'], Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== null)));
    }
  }
  return [...merged.values()];
}
