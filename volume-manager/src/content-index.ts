import { contentReferences } from './plugins/content/content-references.ts';
import type { VolumeSpec } from './volume-spec.ts';

/** Which mounted volumes show which ConfigMaps and Secrets. */
export class ContentIndex {
  /** `secret/ns/name` → pod uid → the specs that refer to it. */
  readonly #specs = new Map<string, Map<string, VolumeSpec[]>>();
  readonly #references = new Map<string, Set<string>>();

  /** @returns what the pod's volumes refer to. */
  set(podUid: string, specs: Iterable<VolumeSpec>): ReadonlySet<string> {
    for (const reference of this.#references.get(podUid) ?? []) {
      const pods = this.#specs.get(reference);
      pods?.delete(podUid);
      if (pods?.size === 0) this.#specs.delete(reference);
    }
    this.#references.delete(podUid);
    for (const spec of specs) for (const reference of contentReferences(spec)) this.#add(reference, spec);
    return this.#references.get(podUid) ?? new Set();
  }

  find(reference: string): VolumeSpec[] {
    return [...(this.#specs.get(reference)?.values() ?? [])].flat();
  }

  #add(reference: string, spec: VolumeSpec): void {
    const pods = this.#specs.get(reference) ?? new Map<string, VolumeSpec[]>();
    pods.set(spec.podUid, [...(pods.get(spec.podUid) ?? []), spec]);
    this.#specs.set(reference, pods);
    const references = this.#references.get(spec.podUid) ?? new Set();
    this.#references.set(spec.podUid, references.add(reference));
  }
}
