import type { UniqueVolumeName } from './volume-spec.ts';

/** The attachable volumes that this node may be using: from before they are mounted until they are unstaged. */
export class VolumesInUse {
  readonly #names = new Set<UniqueVolumeName>();
  readonly #onChange: () => void;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  set(name: UniqueVolumeName, inUse: boolean): void {
    if (this.#names.has(name) === inUse) return;
    if (inUse) this.#names.add(name);
    else this.#names.delete(name);
    this.#onChange();
  }

  list(): readonly UniqueVolumeName[] {
    return [...this.#names].sort();
  }
}
