import type { UniqueVolumeName } from './volume-spec.ts';

/**
 * Staged volumes that have lost their last pod and are being unstaged. Their pods count as mounted until then: while a pod object
 * is there nobody deletes the volume, also where the driver does not attach and nothing else says that it is used.
 */
export class DrainingDevices {
  readonly #pods = new Map<UniqueVolumeName, Set<string>>();
  readonly #volumes = new Map<string, Set<UniqueVolumeName>>();

  /** The pod was the last to have the volume. */
  add(name: UniqueVolumeName, podUid: string): void {
    this.#pods.set(name, (this.#pods.get(name) ?? new Set()).add(podUid));
    this.#volumes.set(podUid, (this.#volumes.get(podUid) ?? new Set()).add(name));
  }

  /** The volume is unstaged, or somebody wants it again. @returns the pods that waited for it. */
  remove(name: UniqueVolumeName): Iterable<string> {
    const pods = this.#pods.get(name) ?? [];
    this.#pods.delete(name);
    for (const uid of pods) {
      const volumes = this.#volumes.get(uid);
      volumes?.delete(name);
      if (volumes?.size === 0) this.#volumes.delete(uid);
    }
    return pods;
  }

  has(podUid: string): boolean {
    return this.#volumes.has(podUid);
  }
}
