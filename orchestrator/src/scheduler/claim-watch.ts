import type { Informer, ObjectKey, PersistentVolumeClaim } from '@berth/kube';

type Look = (key: ObjectKey, claim: PersistentVolumeClaim | undefined) => void;

/** Tells those who wait for certain claims of their changes; one subscription however many wait. */
export class ClaimWatch {
  readonly #informer: Informer<PersistentVolumeClaim>;
  readonly #looks = new Map<ObjectKey, Set<Look>>();

  constructor(informer: Informer<PersistentVolumeClaim>) {
    this.#informer = informer;
    informer.onChange((key, { after }) => {
      for (const look of [...(this.#looks.get(key) ?? [])]) look(key, after);
    });
  }

  get(key: ObjectKey): PersistentVolumeClaim | undefined {
    return this.#informer.get(key);
  }

  subscribe(keys: readonly ObjectKey[], look: Look): Disposable {
    for (const key of keys) this.#looks.set(key, (this.#looks.get(key) ?? new Set()).add(look));
    return {
      [Symbol.dispose]: () => {
        for (const key of keys) {
          const looks = this.#looks.get(key);
          looks?.delete(look);
          if (looks?.size === 0) this.#looks.delete(key);
        }
      },
    };
  }
}
