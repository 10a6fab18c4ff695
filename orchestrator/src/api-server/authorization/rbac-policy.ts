import { type Logger, messageOf } from '@berth/kit';
import type { PolicyRule, RbacV1Subject, RoleRef } from '@berth/kube';
import type { ServerContext } from '../server-context.ts';
import type { User } from '../user.ts';

export interface Binding {
  /** Empty for a ClusterRoleBinding. */
  readonly namespace: string;
  readonly name: string;
  readonly subjects: readonly RbacV1Subject[];
  readonly roleRef: RoleRef;
}

/** A binding that holds for a user, by which of its subjects. */
export interface Grant {
  readonly binding: Binding;
  readonly subject: RbacV1Subject;
}

const group = 'rbac.authorization.k8s.io';
const serviceAccountPrefix = 'system:serviceaccount:';

/**
 * Roles and bindings as they are now, by whom they are for: a question costs as much as the asker has bindings, however
 * many there are. Kept up by a watch, as upstream's informers do it.
 */
export class RbacPolicy {
  readonly #context: ServerContext;
  readonly #rules = new Map<string, readonly PolicyRule[]>();
  readonly #bindings = new Map<string, Binding>();
  readonly #bySubject = new Map<string, Set<Binding>>();

  constructor(context: ServerContext) {
    this.#context = context;
  }

  /** Reads all there is, and follows it until `signal`. */
  async start(signal: AbortSignal, log: Logger): Promise<void> {
    await Promise.all([
      this.#follow('roles', (key, object) => this.#setRole(key, object), { signal, log }),
      this.#follow('clusterroles', (key, object) => this.#setRole(key, object), { signal, log }),
      this.#follow('rolebindings', (key, object) => this.#setBinding(key, object), { signal, log }),
      this.#follow('clusterrolebindings', (key, object) => this.#setBinding(key, object), { signal, log }),
    ]);
  }

  /** What is bound to a user in a namespace (empty: in the cluster as a whole), ClusterRoleBindings first. */
  *grants(user: User, namespace: string): Generator<Grant> {
    for (const scope of namespace === '' ? [''] : ['', namespace]) {
      for (const subject of subjectsOf(user)) {
        for (const binding of this.#bySubject.get(`${scope}/${subject}`) ?? []) {
          const found = binding.subjects.find((one) => keyOf(one, binding.namespace) === subject);
          if (found) yield { binding, subject: found };
        }
      }
    }
  }

  /** The rules a reference stands for; undefined where the role does not exist. */
  rulesOf({ kind, name }: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    return this.#rules.get(kind === 'ClusterRole' ? `/${name}` : `${namespace}/${name}`);
  }

  /** All rules of a user in a namespace, and which roles are missing. */
  rulesFor(user: User, namespace: string): { readonly rules: PolicyRule[]; readonly errors: string[] } {
    const rules: PolicyRule[] = [];
    const errors: string[] = [];
    for (const { binding } of this.grants(user, namespace)) {
      const found = this.rulesOf(binding.roleRef, binding.namespace);
      if (found) rules.push(...found);
      else errors.push(missingRole(binding.roleRef));
    }
    return { rules, errors };
  }

  #setRole(key: string, object: RoleObject | undefined): void {
    if (object) this.#rules.set(key, object.rules ?? []);
    else this.#rules.delete(key);
  }

  #setBinding(key: string, object: RoleObject | undefined): void {
    const before = this.#bindings.get(key);
    if (before) this.#index(before, (set) => set.delete(before));
    this.#bindings.delete(key);
    if (!object?.roleRef) return;
    const { namespace = '', name = '' } = object.metadata;
    const binding: Binding = { namespace, name, subjects: object.subjects ?? [], roleRef: object.roleRef };
    this.#bindings.set(key, binding);
    this.#index(binding, (set) => set.add(binding));
  }

  #index(binding: Binding, change: (set: Set<Binding>) => void): void {
    for (const subject of binding.subjects) {
      const key = `${binding.namespace}/${keyOf(subject, binding.namespace)}`;
      const set = this.#bySubject.get(key) ?? new Set();
      change(set);
      if (set.size > 0) this.#bySubject.set(key, set);
      else this.#bySubject.delete(key);
    }
  }

  async #follow(plural: string, set: (key: string, object: RoleObject | undefined) => void, run: Run): Promise<void> {
    const storage = this.#context.storageOf(group, plural);
    if (!storage) return;
    const apply = (object: unknown, gone: boolean) => {
      const { metadata } = object as RoleObject;
      set(`${metadata.namespace ?? ''}/${metadata.name}`, gone ? undefined : (object as RoleObject));
    };
    const { objects, revision } = await storage.range({ namespace: '' });
    for (const { object } of objects) apply(object, false);
    void (async () => {
      for await (const events of storage.watch('', revision, run.signal)) {
        for (const { type, item } of events) apply(storage.view(item).object, type === 'delete');
      }
    })().catch((error: unknown) => {
      if (!run.signal.aborted) run.log.error('roles are not followed any more', { plural, reason: messageOf(error) });
    });
  }
}

interface Run {
  readonly signal: AbortSignal;
  readonly log: Logger;
}

interface RoleObject {
  readonly metadata: { readonly name?: string; readonly namespace?: string };
  readonly rules?: readonly PolicyRule[];
  readonly subjects?: readonly RbacV1Subject[];
  readonly roleRef?: RoleRef;
}

function* subjectsOf({ name, groups }: User): Generator<string> {
  yield `User:${name}`;
  for (const one of groups) yield `Group:${one}`;
  if (name.startsWith(serviceAccountPrefix)) yield `ServiceAccount:${name.slice(serviceAccountPrefix.length)}`;
}

/** A service account without a namespace is of the binding's. */
function keyOf({ kind, name, namespace }: RbacV1Subject, bound: string): string {
  return kind === 'ServiceAccount' ? `ServiceAccount:${namespace || bound}:${name}` : `${kind}:${name}`;
}

export function missingRole({ kind, name }: RoleRef): string {
  return `${kind.toLowerCase()}.${group} ${JSON.stringify(name)} not found`;
}
