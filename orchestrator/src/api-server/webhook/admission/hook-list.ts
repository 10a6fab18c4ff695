import { type FollowRun, followObjects } from '../../follow-objects.ts';
import type { ObjectStorage } from '../../object-storage.ts';
import { type AnyWebhook, type Hook, hooksOf } from './hook.ts';

/** The webhooks of all configurations of a kind, in upstream's order: by configuration's name, then as written there. */
export class HookList {
  readonly #byConfiguration = new Map<string, readonly Hook[]>();
  /** Of thousands that are created, each would have them all in order again. */
  #inOrder: readonly Hook[] | undefined;

  get hooks(): readonly Hook[] {
    this.#inOrder ??= this.#sorted();
    return this.#inOrder;
  }

  /** Reads all there are, then follows them. */
  start(storage: ObjectStorage, run: FollowRun): Promise<void> {
    const configurations = this.#byConfiguration;
    return followObjects(
      storage,
      {
        reset: () => configurations.clear(),
        set: (object) => {
          const { name = '' } = object.metadata;
          configurations.set(name, hooksOf(name, (object['webhooks'] ?? []) as AnyWebhook[]));
        },
        remove: ({ metadata }) => configurations.delete(metadata.name ?? ''),
        settled: () => {
          this.#inOrder = undefined;
        },
      },
      run,
    );
  }

  #sorted(): readonly Hook[] {
    const names = [...this.#byConfiguration.keys()].sort();
    return names.flatMap((name) => this.#byConfiguration.get(name) ?? []);
  }
}
