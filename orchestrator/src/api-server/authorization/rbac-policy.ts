import type { Logger } from '@berth/kit';
import type { PolicyRule, RbacV1Subject, RoleRef } from '@berth/kube';
import { type FollowRun, followObjects } from '../follow-objects.ts';
import type { AnyObject } from '../resource-definition.ts';
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
  /** What each binding gives, by its key. */
  readonly #bindings = new Map<string, readonly (readonly [subject: string, grant: Grant])[]>();
  /** By namespace (empty: of the cluster as a whole), then by subject. */
  readonly #grants = new Map<string, Map<string, Set<Grant>>>();
  readonly #subjects = new WeakMap<User, readonly string[]>();

  constructor(context: ServerContext) {
    this.#context = context;
  }

  /** Reads all there is, and follows it until `signal`. */
  async start(signal: AbortSignal, log: Logger): Promise<void> {
    const run = { log, clock: this.#context.clock, signal };
    await Promise.all([
      this.#follow('roles', (key, object) => this.#setRole(key, object), run),
      this.#follow('clusterroles', (key, object) => this.#setRole(key, object), run),
      this.#follow('rolebindings', (key, object) => this.#setBinding(key, object), run),
      this.#follow('clusterrolebindings', (key, object) => this.#setBinding(key, object), run),
    ]);
  }

  /** What is bound to a user in a namespace (empty: in the cluster as a whole), ClusterRoleBindings first. */
  grants(user: User, namespace: string): readonly Grant[] {
    let subjects = this.#subjects.get(user);
    if (!subjects) {
      subjects = subjectsOf(user);
      this.#subjects.set(user, subjects);
    }
    const found: Grant[] = [];
    for (const scope of namespace === '' ? [''] : ['', namespace]) {
      const bySubject = this.#grants.get(scope);
      if (!bySubject) continue;
      for (const subject of subjects) {
        const grants = bySubject.get(subject);
        if (grants) found.push(...grants);
      }
    }
    return found;
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
    for (const [subject, grant] of this.#bindings.get(key) ?? []) this.#revoke(subject, grant);
    this.#bindings.delete(key);
    if (!object?.roleRef) return;
    const { namespace = '', name = '' } = object.metadata;
    const { subjects = [], roleRef } = object;
    const binding: Binding = { namespace, name, subjects, roleRef };
    const grants = new Map<string, Grant>();
    for (const subject of subjects) {
      const who = keyOf(subject, namespace);
      if (!grants.has(who)) grants.set(who, { binding, subject });
    }
    this.#bindings.set(key, [...grants]);
    for (const [subject, grant] of grants) this.#give(subject, grant);
  }

  #give(subject: string, grant: Grant): void {
    const { namespace } = grant.binding;
    const bySubject = this.#grants.get(namespace) ?? new Map<string, Set<Grant>>();
    this.#grants.set(namespace, bySubject);
    const grants = bySubject.get(subject) ?? new Set();
    bySubject.set(subject, grants.add(grant));
  }

  #revoke(subject: string, grant: Grant): void {
    const { namespace } = grant.binding;
    const bySubject = this.#grants.get(namespace);
    const grants = bySubject?.get(subject);
    grants?.delete(grant);
    if (grants?.size === 0) bySubject?.delete(subject);
    if (bySubject?.size === 0) this.#grants.delete(namespace);
  }

  async #follow(
    plural: string,
    set: (key: string, object: RoleObject | undefined) => void,
    run: FollowRun,
  ): Promise<void> {
    const storage = this.#context.storageOf(group, plural);
    if (!storage) return;
    const known = new Set<string>();
    const placeOf = ({ metadata }: AnyObject) => `${metadata.namespace ?? ''}/${metadata.name}`;
    const remove = (key: string) => {
      known.delete(key);
      set(key, undefined);
    };
    await followObjects(
      storage,
      {
        reset: () => known.forEach(remove),
        set: (object) => {
          const key = placeOf(object);
          known.add(key);
          set(key, object as RoleObject);
        },
        remove: (object) => remove(placeOf(object)),
      },
      run,
    );
  }
}

interface RoleObject {
  readonly metadata: { readonly name?: string; readonly namespace?: string };
  readonly rules?: readonly PolicyRule[];
  readonly subjects?: readonly RbacV1Subject[];
  readonly roleRef?: RoleRef;
}

function subjectsOf({ name, groups }: User): string[] {
  const subjects = [`User:${name}`, ...groups.map((one) => `Group:${one}`)];
  return name.startsWith(serviceAccountPrefix)
    ? [...subjects, `ServiceAccount:${name.slice(serviceAccountPrefix.length)}`]
    : subjects;
}

/** A service account without a namespace is of the binding's. */
function keyOf({ kind, name, namespace }: RbacV1Subject, bound: string): string {
  return kind === 'ServiceAccount' ? `ServiceAccount:${namespace || bound}:${name}` : `${kind}:${name}`;
}

export function missingRole({ kind, name }: RoleRef): string {
  return `${kind.toLowerCase()}.${group} ${JSON.stringify(name)} not found`;
}
