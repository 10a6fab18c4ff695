import type { Informer, KubeObject, ObjectKey } from '@berth/kube';

/**
 * An informer plus what this process itself wrote and the watch has not echoed yet.
 * Without it every second write of a sequence would start from a stale revision and conflict.
 */
export class LatestView<T extends KubeObject> {
  readonly informer: Informer<T>;
  readonly #own = new Map<ObjectKey, T>();

  constructor(informer: Informer<T>) {
    this.informer = informer;
    informer.onChange((key, { after }) => {
      const own = this.#own.get(key);
      if (own && (!after || revisionOf(after) >= revisionOf(own))) this.#own.delete(key);
    });
  }

  get(key: ObjectKey): T | undefined {
    return this.#own.get(key) ?? this.informer.get(key);
  }

  /** Objects of an index as they are now; the index itself may lag behind own writes. */
  byIndex(name: string, value: string): T[] {
    return this.informer.byIndex(name, value).map((object) => this.get(keyIn(object)) ?? object);
  }

  /** Takes the server's answer to an own write, and passes it on. */
  learn(written: T): T {
    const key = keyIn(written);
    const seen = this.informer.get(key);
    if (seen && seen.metadata.uid === written.metadata.uid && revisionOf(seen) < revisionOf(written)) {
      this.#own.set(key, written);
    }
    return written;
  }
}

function keyIn(object: KubeObject): ObjectKey {
  const { namespace, name } = object.metadata;
  return namespace ? `${namespace}/${name}` : `${name}`;
}

/** Revisions of one resource are ordered integers (KEP-5504). */
function revisionOf(object: KubeObject): bigint {
  return BigInt(object.metadata.resourceVersion ?? 0);
}
