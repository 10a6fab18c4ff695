import { createHash } from 'node:crypto';
import type { Clock } from '@berth/kit';
import {
  type CSINode,
  type Informer,
  isConflict,
  type KubeClient,
  type Node,
  type PersistentVolume,
  type PersistentVolumeClaim,
  Quantity,
  resources,
  type TopologySelectorTerm,
} from '@berth/kube';
import type { ConnectedDriver } from '../driver/connect-driver.ts';
import { provisionerIdentity, selectedNode } from '../object-names.ts';
import { nodeSelectedFor } from './claim-view.ts';
import { isAllowed, type Segments, segmentsOf, topologyKeysOf } from './topology.ts';

export interface NodeShareOptions {
  readonly nodeName: string;
  readonly client: KubeClient;
  readonly driver: ConnectedDriver;
  readonly nodes: Informer<Node>;
  readonly csiNodes: Informer<CSINode>;
  readonly clock: Clock;
}

/** Of a claim's class. */
export interface ClassFacts {
  /** What the driver gets, on which it depends where the room is; undefined where they cannot be had. */
  readonly parameters: Readonly<Record<string, string>> | undefined;
  readonly allowedTopologies: readonly TopologySelectorTerm[] | undefined;
}

/** What a node does about a claim: work on it, or look again later, perhaps with a `problem` to tell its user. */
export type NodeVerdict = 'ours' | undefined | { readonly afterMs: number; readonly problem?: string };

/** How long the next in line leaves the one before it to take a claim: it may be down. */
const turnMs = 500;

/**
 * Which claims and volumes are this node's, where one provisioner runs beside every node's driver.
 * A selected node decides. A claim without one is taken by writing its name there; whoever's write the server accepts
 * has it. All nodes know from the claim's UID in which order they may try, so that nobody waits and few conflict; those
 * that the class does not allow leave it (external-provisioner checkNode).
 */
export class NodeShare {
  readonly #options: NodeShareOptions;
  readonly #firstSeenMs = new Map<string, number>();
  /** Claims this node could not serve: everyone else goes first. */
  readonly #yielded = new Map<string, number>();

  constructor(options: NodeShareOptions) {
    this.#options = options;
  }

  /** Undefined: not ours, or just taken, which the claim's change will tell. */
  async decide(claim: PersistentVolumeClaim, facts: ClassFacts, signal: AbortSignal): Promise<NodeVerdict> {
    const { nodeName, clock } = this.#options;
    const uid = claim.metadata.uid ?? '';
    const chosen = nodeSelectedFor(claim);
    if (chosen !== undefined) {
      this.#firstSeenMs.delete(uid);
      return chosen === nodeName ? 'ours' : undefined;
    }
    const sinceMs = this.#firstSeenMs.get(uid) ?? clock.monotonicMs();
    this.#firstSeenMs.set(uid, sinceMs);
    const all = this.#members(uid);
    // Not registered yet: the registration brings the claim back (onMembership).
    if (!all.includes(nodeName)) return undefined;
    // Nobody to tell apart from. Should another node join this moment, one of two volumes finds its object's name taken.
    if (all.length === 1) return 'ours';
    const allowed = all.filter((name) => this.#isAllowed(name, facts));
    const members = allowed.length > 0 ? allowed : all;
    const place = members.indexOf(nodeName);
    if (place < 0) return undefined;
    const yielded = this.#yielded.get(uid) ?? 0;
    const turn = place + members.length * yielded;
    const waitMs = sinceMs + turn * turnMs - clock.monotonicMs();
    if (waitMs > 0) return { afterMs: waitMs };
    if (allowed.length === 0 || !(await this.#hasRoom(claim, facts, signal))) {
      this.yield(uid);
      const afterMs = members.length * turnMs;
      // All have had their turn and left it. The first in line says so, more and more rarely.
      if (place > 0 || yielded === 0 || !Number.isInteger(Math.log2(yielded))) return { afterMs };
      const problem =
        allowed.length === 0
          ? 'no node that has the driver is in the allowed topologies of the class'
          : 'node(s) did not have enough free storage';
      return { afterMs, problem };
    }
    await this.#take(claim, signal);
    return undefined;
  }

  yield(uid: string): void {
    this.#yielded.set(uid, (this.#yielded.get(uid) ?? 0) + 1);
  }

  forget(uid: string): void {
    this.#firstSeenMs.delete(uid);
    this.#yielded.delete(uid);
  }

  /**
   * Only the driver that made a volume can delete or grow it; every other would say of one it does not know that it is
   * gone. It is on a node the volume is reachable from; of one that is reachable from everywhere, where it was made.
   */
  owns(volume: PersistentVolume): boolean {
    const { nodeName, driver } = this.#options;
    const terms = volume.spec?.nodeAffinity?.required?.nodeSelectorTerms;
    if (!terms) {
      const maker = makerOf(volume, driver.name);
      return (maker ?? this.#members(volume.metadata.uid ?? '')[0]) === nodeName;
    }
    const own = this.#segments(nodeName);
    if (!own) return false;
    return terms.some(({ matchExpressions = [] }) =>
      matchExpressions.every(({ key, values = [] }) => values.includes(own[key] ?? '')),
    );
  }

  /** Calls `changed` when a node begins or ceases to run the driver, or this node's labels change. */
  onMembership(changed: () => void): Disposable {
    const { csiNodes, nodes, nodeName, driver } = this.#options;
    const handlers = new DisposableStack();
    const keys = (csiNode: CSINode | undefined) => JSON.stringify(csiNode && topologyKeysOf(csiNode, driver.name));
    const runs = (csiNode: CSINode | undefined) =>
      csiNode?.spec.drivers.some(({ name }) => name === driver.name) ?? false;
    handlers.use(
      csiNodes.onChange((_, { before, after }) => {
        if (runs(before) !== runs(after) || keys(before) !== keys(after)) changed();
      }),
    );
    handlers.use(
      nodes.onChange((name, { before, after }) => {
        const labels = (node: Node | undefined) => JSON.stringify(node?.metadata.labels);
        if (name === nodeName && labels(before) !== labels(after)) changed();
      }),
    );
    return handlers;
  }

  /** Nodes that run the driver, in the order this key gives them (rendezvous hashing). */
  #members(key: string): string[] {
    const { csiNodes, driver } = this.#options;
    return csiNodes
      .list()
      .filter(({ spec }) => spec.drivers.some(({ name }) => name === driver.name))
      .map(({ metadata }) => metadata.name ?? '')
      .map((name) => ({ name, weight: createHash('sha256').update(`${key}/${name}`).digest('hex') }))
      .sort((a, b) => (a.weight < b.weight ? -1 : 1))
      .map(({ name }) => name);
  }

  #isAllowed(node: string, { allowedTopologies }: ClassFacts): boolean {
    const own = this.#segments(node);
    // A driver without topology has no part in it; what is wrong with a node without its labels is said when the volume is planned.
    return !own || Object.keys(own).length === 0 || isAllowed(own, allowedTopologies);
  }

  #segments(name: string): Segments | undefined {
    const { nodes, csiNodes, driver } = this.#options;
    const node = nodes.get(name);
    return node && segmentsOf(node, topologyKeysOf(csiNodes.get(name), driver.name));
  }

  /** A driver that cannot tell is asked for the volume, and its refusal is what the user gets to see. */
  async #hasRoom(claim: PersistentVolumeClaim, { parameters }: ClassFacts, signal: AbortSignal): Promise<boolean> {
    const { driver } = this.#options;
    if (!driver.can('GET_CAPACITY') || !parameters) return true;
    const wanted = Quantity.parse(claim.spec?.resources?.requests?.['storage'] ?? '0').value();
    try {
      const { availableCapacity } = await driver.calls.controller('GetCapacity', { parameters }, signal);
      return BigInt(availableCapacity) >= wanted;
    } catch {
      signal.throwIfAborted();
      return true;
    }
  }

  async #take(claim: PersistentVolumeClaim, signal: AbortSignal): Promise<void> {
    const { client, nodeName } = this.#options;
    const next = structuredClone(claim);
    next.metadata.annotations = { ...next.metadata.annotations, [selectedNode]: nodeName };
    try {
      await client.update(resources.persistentvolumeclaims, next, {}, signal);
    } catch (error) {
      // Another was first, or the claim changed: its change brings it back here.
      if (!isConflict(error)) throw error;
    }
  }
}

/** The node whose provisioner made the volume; undefined where that was one for all nodes. */
function makerOf(volume: PersistentVolume, driverName: string): string | undefined {
  const identity = volume.spec?.csi?.volumeAttributes?.[provisionerIdentity] ?? '';
  const who = /^\d+-\d+-(.+)$/.exec(identity)?.[1] ?? '';
  return who.startsWith(`${driverName}-`) ? who.slice(driverName.length + 1) : undefined;
}
