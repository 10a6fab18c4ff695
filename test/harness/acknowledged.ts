import { ApiError, type KubeClient, type KubeObject, keyOf, resources } from '@berth/kube';

const types = [
  resources.statefulsets,
  resources.pods,
  resources.persistentvolumeclaims,
  resources.persistentvolumes,
] as const;

/** How a server refuses a watch from a revision that it does not know. */
const refusals: ReadonlySet<string> = new Set(['Expired', 'Gone', 'Invalid', 'BadRequest']);

interface Seen {
  readonly plural: string;
  readonly object: KubeObject;
}

/**
 * Everything an API server has told anyone who uses this: what it showed on a watch, and what it answered to writes.
 * The watch resumes from where it was when the server was killed, so that a server that forgot a write is found out.
 */
export class Acknowledged {
  readonly #objects = new Map<string, Seen>();
  readonly #revisions = new Map<string, string>();
  readonly #onObject: (plural: string, object: KubeObject) => void;
  #stop = new AbortController();
  #following: Promise<void>[] = [];
  #broken: unknown;

  constructor(onObject: (plural: string, object: KubeObject) => void = () => undefined) {
    this.#onObject = onObject;
  }

  /** An object that the server answered with. */
  add(plural: string, object: KubeObject): void {
    const key = `${plural}/${keyOf(object)}`;
    const before = this.#objects.get(key)?.object;
    if (before && revisionOf(before) >= revisionOf(object)) return;
    this.#objects.set(key, { plural, object });
    this.#onObject(plural, object);
  }

  all<T extends KubeObject>(plural: string): T[] {
    return [...this.#objects.values()].filter((seen) => seen.plural === plural).map(({ object }) => object as T);
  }

  /** Watches on, from the last revision seen. */
  async follow(client: KubeClient): Promise<void> {
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    for (const type of types) {
      if (this.#revisions.has(type.plural)) continue;
      const { items, metadata } = await client.list(type as never, {}, signal);
      for (const item of items) this.add(type.plural, item);
      this.#revisions.set(type.plural, metadata.resourceVersion ?? '');
    }
    this.#following = types.map((type) => this.#watch(client, type.plural, type as never, signal));
  }

  /** Ends the watches, as the server's death does. */
  async unfollow(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#following);
  }

  /** What the server, started again, has lost or turned back. Empty: nothing. */
  async lost(client: KubeClient): Promise<string[]> {
    if (this.#broken) return [`the watch could not go on: ${String(this.#broken)}`];
    const before = [...this.#objects];
    const problems: string[] = [];
    for (const type of types) {
      const { items } = await client.list(type as never, {});
      const now = new Map(items.map((item: KubeObject) => [`${type.plural}/${keyOf(item)}`, item]));
      for (const [key, { plural, object }] of before) {
        if (plural !== type.plural) continue;
        const found = now.get(key);
        if (found?.metadata.uid === object.metadata.uid) {
          if (revisionOf(found as KubeObject) < revisionOf(object)) problems.push(`${key} went back`);
        } else if (!(await this.#learnsOfEnd(key, object))) problems.push(`${key} is gone without a DELETED event`);
      }
    }
    return problems;
  }

  async #learnsOfEnd(key: string, object: KubeObject): Promise<boolean> {
    for (let waited = 0; waited < 60_000; waited += 50) {
      if (this.#objects.get(key)?.object.metadata.uid !== object.metadata.uid) return true;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return false;
  }

  async #watch(client: KubeClient, plural: string, type: never, signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        const resourceVersion = this.#revisions.get(plural) ?? '';
        for await (const event of client.watch(type, { resourceVersion, allowWatchBookmarks: true }, signal)) {
          const object = event.object as KubeObject;
          this.#revisions.set(plural, object.metadata.resourceVersion ?? '');
          if (event.type === 'DELETED') this.#remove(plural, object);
          else if (event.type !== 'BOOKMARK') this.add(plural, object);
        }
      }
    } catch (error) {
      // The server's death ends a watch in many ways; one that it refuses to resume does not.
      if (error instanceof ApiError && refusals.has(error.code)) this.#broken ??= error;
    }
  }

  #remove(plural: string, object: KubeObject): void {
    const key = `${plural}/${keyOf(object)}`;
    if (this.#objects.get(key)?.object.metadata.uid === object.metadata.uid) this.#objects.delete(key);
  }
}

function revisionOf(object: KubeObject): number {
  return Number(object.metadata.resourceVersion);
}
