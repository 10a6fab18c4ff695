import type { FollowRun } from '../../follow-objects.ts';
import { followObjects } from '../../follow-objects.ts';
import type { AnyObject } from '../../resource-definition.ts';
import type { ServerContext } from '../../server-context.ts';
import { podReferences } from './pod-references.ts';
import { volumeSecrets } from './volume-references.ts';

const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** What an object makes reachable: from its node directly, or from where another object is reachable. */
interface Contribution {
  readonly node: string;
  readonly keys: readonly string[];
}

/**
 * Which objects have to do with which nodes: pods and what they name, volumes of their claims and those volumes' secrets,
 * attachments, slices. A question costs a few look-ups; a change costs as much as the object that changed names.
 */
export class NodeGraph {
  /** Object → node → how many objects lead from one to the other. */
  readonly #direct = new Map<string, Map<string, number>>();
  /** Volume → its claim, secret → volumes with it. */
  readonly #via = new Map<string, Set<string>>();
  readonly #contributions = new Map<string, Contribution>();
  readonly #volumes = new Map<string, readonly (readonly [string, string])[]>();

  async start(context: ServerContext, run: FollowRun): Promise<void> {
    const follow = async (group: string, plural: string, set: (key: string, object: AnyObject) => void) => {
      const storage = context.storageOf(group, plural);
      if (!storage) return;
      const keyOf = ({ metadata }: AnyObject) => keyFor(plural, metadata.namespace ?? '', metadata.name ?? '');
      await followObjects(
        storage,
        {
          reset: () => this.#reset(`${plural}/`),
          set: (object) => set(keyOf(object), object),
          remove: (object) => this.#remove(keyOf(object)),
        },
        run,
      );
    };
    await Promise.all([
      follow('', 'pods', (key, pod) => this.#setPod(key, pod)),
      follow('', 'persistentvolumes', (key, volume) => this.#setVolume(key, volume)),
      follow('storage.k8s.io', 'volumeattachments', (key, { spec }) => this.#set(key, spec?.nodeName, [key])),
      follow('resource.k8s.io', 'resourceslices', (key, { spec }) => this.#set(key, spec?.nodeName, [key])),
      follow('certificates.k8s.io', 'podcertificaterequests', (key, { spec }) => this.#set(key, spec?.nodeName, [key])),
    ]);
  }

  /** Whether an object has to do with `node`. */
  leadsTo(node: string, plural: string, namespace: string, name: string): boolean {
    return this.#reaches(keyFor(plural, namespace, name), node);
  }

  /** Secret, volume, claim: the way is never longer. */
  #reaches(key: string, node: string): boolean {
    if (this.#direct.get(key)?.has(node)) return true;
    for (const next of this.#via.get(key) ?? []) if (this.#reaches(next, node)) return true;
    return false;
  }

  #setPod(key: string, pod: AnyObject): void {
    const { namespace = '', annotations } = pod.metadata;
    // A pod that a node made of itself opens nothing else to it.
    const isMirror = annotations?.[mirrorAnnotation] !== undefined;
    const references = isMirror ? [] : podReferences(pod).map(({ kind, name }) => keyFor(kind, namespace, name));
    this.#set(key, pod.spec?.nodeName, [key, ...references]);
  }

  #set(key: string, node: string | undefined, keys: readonly string[]): void {
    const before = this.#contributions.get(key);
    if (before && before.node === node && sameKeys(before.keys, keys)) return;
    this.#remove(key);
    if (!node) return;
    this.#contributions.set(key, { node, keys });
    for (const reachable of keys) {
      const nodes = this.#direct.get(reachable) ?? new Map<string, number>();
      nodes.set(node, (nodes.get(node) ?? 0) + 1);
      this.#direct.set(reachable, nodes);
    }
  }

  #setVolume(key: string, volume: AnyObject): void {
    this.#remove(key);
    const claim = volume.spec?.claimRef as { namespace?: string; name?: string } | undefined;
    if (!claim?.name) return;
    const edges = [
      [key, keyFor('persistentvolumeclaims', claim.namespace ?? '', claim.name)] as const,
      ...volumeSecrets(volume).map((secret) => [`secrets/${secret}`, key] as const),
    ];
    this.#volumes.set(key, edges);
    for (const [from, to] of edges) this.#via.set(from, (this.#via.get(from) ?? new Set()).add(to));
  }

  #remove(key: string): void {
    const { node = '', keys = [] } = this.#contributions.get(key) ?? {};
    this.#contributions.delete(key);
    for (const reachable of keys) {
      const nodes = this.#direct.get(reachable);
      const count = (nodes?.get(node) ?? 1) - 1;
      if (count > 0) nodes?.set(node, count);
      else nodes?.delete(node);
      if (nodes?.size === 0) this.#direct.delete(reachable);
    }
    for (const [from, to] of this.#volumes.get(key) ?? []) {
      const targets = this.#via.get(from);
      targets?.delete(to);
      if (targets?.size === 0) this.#via.delete(from);
    }
    this.#volumes.delete(key);
  }

  #reset(prefix: string): void {
    for (const key of [...this.#contributions.keys(), ...this.#volumes.keys()])
      if (key.startsWith(prefix)) this.#remove(key);
  }
}

function keyFor(plural: string, namespace: string, name: string): string {
  return `${plural}/${namespace}/${name}`;
}

function sameKeys(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((key, index) => key === b[index]);
}
