import { FieldSelector } from '@berth/kube';
import type { RequestInfo } from '../request-info.ts';

/** How many watches a write wakes: those of its object, its namespace and its whole resource (apiserver watch_tracker). */
export class WatchCounts {
  readonly #counts = new Map<string, number>();

  /** Disposing forgets the watch again. */
  add(info: RequestInfo, query: URLSearchParams): Disposable {
    // A kubelet's watch sees one node's pods; counting all kubelets for each pod would be wrong by as many.
    if (info.resource === 'pods' && nodeOf(query.get('fieldSelector')) !== '')
      return { [Symbol.dispose]: () => undefined };
    const key = keyOf(info, info.namespace, info.name);
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    return { [Symbol.dispose]: () => this.#remove(key) };
  }

  interestedIn(info: RequestInfo): number {
    const { namespace, name } = info;
    let count = this.#counts.get(keyOf(info, '', '')) ?? 0;
    if (namespace !== '') count += this.#counts.get(keyOf(info, namespace, '')) ?? 0;
    if (name !== '') count += this.#counts.get(keyOf(info, namespace, name)) ?? 0;
    return count;
  }

  #remove(key: string): void {
    const left = (this.#counts.get(key) ?? 0) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }
}

function keyOf({ group, resource }: RequestInfo, namespace: string, name: string): string {
  return `${group}/${resource}/${namespace}/${name}`;
}

function nodeOf(selector: string | null): string {
  if (!selector?.includes('spec.nodeName') || selector.length > 1000) return '';
  try {
    return FieldSelector.parse(selector).exact('spec.nodeName') ?? '';
  } catch {
    return '';
  }
}
