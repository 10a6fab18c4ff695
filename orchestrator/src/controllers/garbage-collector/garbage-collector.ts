import {
  apiVersionOf,
  type EventRecorder,
  isNotFound,
  type KubeClient,
  type KubeObject,
  type OwnerReference,
  type ResourceType,
} from '@berth/kube';
import { type EveryKindDeps, RunningController } from '../controller-deps.ts';
import type { CustomTypes } from '../custom-types/custom-types.ts';
import { collectableTypes, isBuiltIn, typeOfKind } from './collectable-types.ts';
import { type GraphNode, ObjectGraph } from './object-graph.ts';

const foreground = 'foregroundDeletion';
const orphan = 'orphan';

/**
 * Deletes what has lost all its owners, and carries out the Foreground and Orphan ways of deletion
 * (kube-controller-manager garbagecollector; owner references by uid).
 */
export function startGarbageCollector(deps: EveryKindDeps, signal: AbortSignal): AsyncDisposable {
  const collector = new GarbageCollector({
    client: deps.client,
    custom: deps.customTypes,
    events: deps.recorder('garbage-collector-controller'),
  });
  const running = new RunningController(
    deps,
    {
      name: 'garbage-collector',
      queueName: 'garbage_collector_attempt_to_delete',
      workers: 8,
      reconcile: (uid) => collector.reconcile(uid),
    },
    signal,
  );
  for (const type of collectableTypes) {
    deps.informers.of(type).onChange((_, change) => {
      for (const uid of collector.note(type, change)) running.queue.add(uid);
    });
  }
  deps.customTypes.onChange((type, change) => {
    for (const uid of collector.note(type, change)) running.queue.add(uid);
  });
  return running;
}

interface Change {
  readonly before: KubeObject | undefined;
  readonly after: KubeObject | undefined;
}

class GarbageCollector {
  readonly #client: KubeClient;
  readonly #custom: Pick<CustomTypes, 'typeOfKind'>;
  readonly #events: EventRecorder;
  readonly #graph = new ObjectGraph();

  constructor(parts: { client: KubeClient; custom: Pick<CustomTypes, 'typeOfKind'>; events: EventRecorder }) {
    this.#client = parts.client;
    this.#custom = parts.custom;
    this.#events = parts.events;
  }

  /** Takes a change into the graph and says which objects it may decide. */
  note(type: ResourceType, { before, after }: Change): string[] {
    const gone = before && before.metadata.uid !== after?.metadata.uid ? (before.metadata.uid as string) : undefined;
    const touched: string[] = [];
    if (gone !== undefined) {
      const owners = this.#graph.get(gone)?.owners ?? [];
      touched.push(...this.#graph.dependentsOf(gone).map(({ uid }) => uid), ...owners.map(({ uid }) => uid));
      this.#graph.delete(gone);
    }
    if (after) {
      const ownersBefore = this.#graph.get(after.metadata.uid as string)?.owners ?? [];
      const node = this.#graph.set(type, after);
      const added = node.owners.filter(({ uid }) => !ownersBefore.some((owner) => owner.uid === uid));
      this.#reportElsewhere(node, added, after);
      // Who waits for its dependents may have lost one, or one that holds it up.
      touched.push(...ownersBefore.map(({ uid }) => uid).filter((uid) => this.#isWaiting(uid)));
      if (node.owners.length > 0 || isWaiting(node)) touched.push(node.uid);
      if (node.isDeleting) touched.push(...node.owners.map(({ uid }) => uid));
    }
    return touched;
  }

  async reconcile(uid: string): Promise<undefined> {
    const node = this.#graph.get(uid);
    if (!node) return;
    try {
      if (node.isDeleting && node.finalizers.includes(orphan)) await this.#orphanDependents(node);
      else if (waitsForDependents(node)) await this.#deleteDependents(node);
      else if (!node.isDeleting && node.owners.length > 0) await this.#collect(node);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** All owners gone: delete. Some gone: forget those. An owner that waits for its dependents takes them with it. */
  async #collect(node: GraphNode): Promise<void> {
    const owners = await Promise.all(
      node.owners.map(async (owner) => ({ owner, state: await this.#stateOf(node, owner) })),
    );
    const dangling = owners.filter(({ state }) => state === 'gone');
    const waiting = owners.filter(({ state }) => state === 'waiting');
    const solid = owners.filter(({ state }) => state === 'there');
    if (solid.length > 0) {
      if (dangling.length + waiting.length === 0) return;
      return this.#dropOwners(node, new Set([...dangling, ...waiting].map(({ owner }) => owner.uid)));
    }
    const dependents = waiting.length > 0 ? this.#graph.dependentsOf(node.uid) : [];
    // Its owner may be among them: in a circle each would wait for the next.
    if (dependents.some(waitsForDependents)) await this.#unblockOwners(node);
    await this.#delete(node, dependents.length > 0 ? 'Foreground' : undefined);
  }

  /** An owner of another namespace is none (addDependentToOwners, reportInvalidNamespaceOwnerRef). */
  #reportElsewhere(node: GraphNode, added: readonly OwnerReference[], object: KubeObject): void {
    const owner = added.find(({ uid }) => {
      const known = this.#graph.get(uid);
      return known?.namespace !== undefined && known.namespace !== node.namespace;
    });
    if (!owner) return;
    const { namespace = '', type } = node;
    const about = { ...object, apiVersion: apiVersionOf(type), kind: type.kind };
    const told = `[${owner.apiVersion}/${owner.kind}, namespace: ${namespace}, name: ${owner.name}, uid: ${owner.uid}]`;
    const message = `ownerRef ${told} does not exist in namespace "${namespace}"`;
    this.#events.event(about, 'Warning', 'OwnerRefInvalidNamespace', message);
  }

  /** The graph may lag behind a creation, so an owner it does not know as it is told is asked for (isDangling). */
  async #stateOf(node: GraphNode, owner: OwnerReference): Promise<'there' | 'waiting' | 'gone'> {
    const known = this.#graph.get(owner.uid);
    if (known && isAsTold(known, owner, node)) return waitsForDependents(known) ? 'waiting' : 'there';
    const type = typeOfKind(owner) ?? this.#custom.typeOfKind(owner.apiVersion, owner.kind);
    // An owner of a kind we do not serve cannot be judged: nothing is deleted on a guess.
    if (!type || (type.namespaced && node.namespace === undefined)) return 'there';
    const live = await this.#client.find(type, {
      namespace: type.namespaced ? node.namespace : undefined,
      name: owner.name,
    });
    return live?.metadata.uid === owner.uid ? 'there' : 'gone';
  }

  async #deleteDependents(node: GraphNode): Promise<void> {
    const dependents = this.#graph.dependentsOf(node.uid);
    const isBlocking = ({ owners }: GraphNode) =>
      owners.some(({ uid, blockOwnerDeletion }) => uid === node.uid && blockOwnerDeletion);
    if (!dependents.some(isBlocking)) return this.#removeFinalizer(node, foreground);
    // Those that nobody waits for go now, too (processTransitions).
    await Promise.all(dependents.filter(({ isDeleting }) => !isDeleting).map((dependent) => this.#collect(dependent)));
  }

  async #orphanDependents(node: GraphNode): Promise<void> {
    for (const dependent of this.#graph.dependentsOf(node.uid)) await this.#dropOwners(dependent, new Set([node.uid]));
    await this.#removeFinalizer(node, orphan);
  }

  async #dropOwners(node: GraphNode, uids: ReadonlySet<string>): Promise<void> {
    await this.#changeOwners(node, {
      patch: [...uids].map((uid) => ({ $patch: 'delete', uid })),
      change: (owners) => owners.filter(({ uid }) => !uids.has(uid)),
    });
  }

  /** Its owners wait for it no longer. */
  async #unblockOwners(node: GraphNode): Promise<void> {
    const change = (owners: readonly OwnerReference[]) =>
      owners.map((owner) => ({ ...owner, blockOwnerDeletion: false }));
    await this.#changeOwners(node, { patch: change(node.owners), change });
  }

  /** `patch`: the strategic one. Custom resources know none: their references are replaced, by revision. */
  async #changeOwners(
    node: GraphNode,
    how: {
      readonly patch: readonly object[];
      readonly change: (owners: readonly OwnerReference[]) => readonly OwnerReference[];
    },
  ): Promise<void> {
    try {
      if (!isBuiltIn(node.type)) return await this.#replaceOwners(node, how.change);
      const patch = { metadata: { uid: node.uid, ownerReferences: how.patch } };
      await this.#client.patch(node.type, node, { type: 'strategic', patch });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #replaceOwners(
    node: GraphNode,
    change: (owners: readonly OwnerReference[]) => readonly OwnerReference[],
  ): Promise<void> {
    const { metadata } = await this.#client.get(node.type, node);
    if (metadata.uid !== node.uid) return;
    const ownerReferences = change(metadata.ownerReferences ?? []);
    const patch = { metadata: { resourceVersion: metadata.resourceVersion, ownerReferences } };
    await this.#client.patch(node.type, node, { type: 'merge', patch });
  }

  #isWaiting(uid: string): boolean {
    const node = this.#graph.get(uid);
    return node !== undefined && isWaiting(node);
  }

  async #removeFinalizer(node: GraphNode, finalizer: string): Promise<void> {
    const live = await this.#client.get(node.type, node);
    if (live.metadata.uid !== node.uid) return;
    const finalizers = (live.metadata.finalizers ?? []).filter((name) => name !== finalizer);
    const patch = { metadata: { resourceVersion: live.metadata.resourceVersion, finalizers } };
    await this.#client.patch(node.type, node, { type: 'merge', patch });
  }

  /**
   * Kinds are followed apart: that an owner went may come before that somebody took its reference away. So the object is looked at as it
   * is, and not deleted once it has changed (deleteObject); with other owners it comes back by its own change.
   */
  async #delete(node: GraphNode, policy: 'Foreground' | undefined): Promise<void> {
    const live = await this.#client.find(node.type, node);
    if (!live || live.metadata.uid !== node.uid || !ownedAlike(live.metadata.ownerReferences, node.owners)) return;
    const { uid, resourceVersion, finalizers = [] } = live.metadata;
    const propagationPolicy = policy ?? policyOf(finalizers);
    try {
      await this.#client.delete(node.type, node, {
        propagationPolicy,
        preconditions: { uid, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** Whether the owner is where its reference says; the name of a kind is that in all of its versions. */
function isAsTold(known: GraphNode, { apiVersion, kind, name }: OwnerReference, { namespace }: GraphNode): boolean {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  const isHere = known.namespace === undefined || known.namespace === namespace;
  return isHere && known.name === name && known.type.kind === kind && known.type.group === group;
}

function ownedAlike(a: readonly OwnerReference[] = [], b: readonly OwnerReference[]): boolean {
  return a.length === b.length && a.every(({ uid }, i) => uid === b[i]?.uid);
}

function policyOf(finalizers: readonly string[]): 'Background' | 'Foreground' | 'Orphan' {
  if (finalizers.includes(orphan)) return 'Orphan';
  return finalizers.includes(foreground) ? 'Foreground' : 'Background';
}

function isWaiting({ isDeleting, finalizers }: GraphNode): boolean {
  return isDeleting && (finalizers.includes(orphan) || finalizers.includes(foreground));
}

function waitsForDependents({ isDeleting, finalizers }: GraphNode): boolean {
  return isDeleting && finalizers.includes(foreground);
}
