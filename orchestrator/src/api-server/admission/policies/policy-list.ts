import { type FollowRun, followObjects } from '../../follow-objects.ts';
import type { AnyObject } from '../../resource-definition.ts';
import type { ServerContext } from '../../server-context.ts';

/** A policy with the bindings that put it to use. */
export interface BoundPolicy {
  readonly policy: AnyObject;
  readonly bindings: readonly AnyObject[];
}

const group = 'admissionregistration.k8s.io';

/** The policies of a kind that are in use, followed as they change. */
export class PolicyList {
  readonly #plurals: readonly [policies: string, bindings: string];
  readonly #policies = new Map<string, AnyObject>();
  readonly #bindings = new Map<string, AnyObject>();
  #bound: readonly BoundPolicy[] = [];

  constructor(policies: string, bindings: string) {
    this.#plurals = [policies, bindings];
  }

  get bound(): readonly BoundPolicy[] {
    return this.#bound;
  }

  async start(context: ServerContext, run: FollowRun): Promise<void> {
    const [policies, bindings] = this.#plurals;
    await Promise.all([
      this.#follow(context, policies, this.#policies, run),
      this.#follow(context, bindings, this.#bindings, run),
    ]);
  }

  async #follow(context: ServerContext, plural: string, into: Map<string, AnyObject>, run: FollowRun): Promise<void> {
    const storage = context.storageOf(group, plural);
    if (!storage) return;
    const follower = {
      reset: () => into.clear(),
      set: (object: AnyObject) => void into.set(object.metadata.name ?? '', object),
      remove: (object: AnyObject) => void into.delete(object.metadata.name ?? ''),
      settled: () => this.#bind(),
    };
    await followObjects(storage, follower, run);
  }

  /** In the order of the policies' names, then of the bindings'. */
  #bind(): void {
    const bindings = [...this.#bindings.keys()].sort().map((name) => this.#bindings.get(name) as AnyObject);
    this.#bound = [...this.#policies.keys()].sort().flatMap((name) => {
      const own = bindings.filter(({ spec }) => spec?.policyName === name);
      return own.length === 0 ? [] : [{ policy: this.#policies.get(name) as AnyObject, bindings: own }];
    });
  }
}
