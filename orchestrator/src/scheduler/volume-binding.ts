import type { CSIDriver } from '@berth/kube';
import {
  type CSINode,
  type CSIStorageCapacity,
  type Informer,
  keyOf,
  type Node,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  Quantity,
  Selector,
  type StorageClass,
} from '@berth/kube';
import { matchVolume } from '../controllers/volume/match-volume.ts';
import { nodeCanReach } from '../controllers/volume/node-affinity.ts';
import type { Reasons } from './filters.ts';
import { claimKeys, isBound, type PodClaims, sortClaims, type VolumeListers } from './pod-claims.ts';

export interface BindingListers extends VolumeListers {
  readonly capacities: Informer<CSIStorageCapacity>;
  readonly drivers: Informer<CSIDriver>;
  readonly csiNodes: Informer<CSINode>;
}

/** What choosing a node means for a pod's waiting claims. */
export interface VolumeDecision {
  readonly bind: readonly { readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }[];
  readonly provision: readonly PersistentVolumeClaim[];
  /** Bound already, but not in their status: the kubelet would not take them yet. */
  readonly settle: readonly PersistentVolumeClaim[];
}

export type NodeVolumes = { readonly decision: VolumeDecision } | { readonly reasons: Reasons };

export const selectedNodeAnnotation = 'volume.kubernetes.io/selected-node';
const noProvisioner = 'kubernetes.io/no-provisioner';

/** The VolumeBinding plugin's questions before a node is chosen: PreFilter and Filter. */
export class VolumeBinding {
  readonly #listers: BindingListers;
  /** Hand-made volumes promised to a claim whose pod is on its way, by PV name. */
  readonly #promised = new Map<string, string>();

  constructor(listers: BindingListers) {
    this.#listers = listers;
  }

  sort(pod: Pod): PodClaims | { readonly refused: string } {
    return sortClaims(pod, this.#listers);
  }

  /** Whether `node` can have the pod's volumes, and what would have to be bound or made there. */
  filter({ bound, delayed }: PodClaims, node: Node): NodeVolumes {
    for (const claim of bound) {
      const volume = this.#listers.volumes.get(claim.spec?.volumeName as string);
      if (!volume) return { reasons: ['node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'] };
      if (!nodeCanReach(volume, node.metadata.name as string, node.metadata.labels))
        return { reasons: ["node(s) didn't match PersistentVolume's node affinity"] };
    }
    const settle = bound.filter((claim) => !isBound(claim));
    if (delayed.length === 0) return { decision: { bind: [], provision: [], settle } };
    const chosen = this.#decide(delayed, node);
    return 'reasons' in chosen ? chosen : { decision: { ...chosen, settle } };
  }

  reserve(decision: VolumeDecision): void {
    for (const { claim, volume } of decision.bind) this.#promised.set(volume.metadata.name as string, keyOf(claim));
  }

  unreserve(decision: VolumeDecision): void {
    for (const { volume } of decision.bind) this.#promised.delete(volume.metadata.name as string);
  }

  /** ReadWriteOncePod: at most one pod, anywhere (KEP-2485). `placedPods` are those of a claim that have a node, or are on the way to one. */
  isTakenByAnother(pod: Pod, { bound, delayed }: PodClaims, placedPods: (key: string) => readonly Pod[]): boolean {
    const exclusive = [...bound, ...delayed].filter((claim) => claim.spec?.accessModes?.includes('ReadWriteOncePod'));
    return exclusive.some((claim) =>
      placedPods(keyOf(claim)).some(({ metadata }) => metadata.uid !== pod.metadata.uid),
    );
  }

  /** CSINode's `allocatable.count` per driver against the distinct volumes its pods use (NodeVolumeLimits). */
  exceedsLimit(pod: Pod, node: Node, podsOnNode: Iterable<Pod>): boolean {
    const limits = this.#listers.csiNodes
      .get(node.metadata.name as string)
      ?.spec.drivers.filter((driver) => driver.allocatable?.count !== undefined);
    if (!limits || limits.length === 0) return false;
    const own = this.#driverVolumes([pod]);
    const there = this.#driverVolumes(podsOnNode);
    return limits.some(({ name, allocatable }) => {
      const used = there.get(name) ?? new Set();
      const added = [...(own.get(name) ?? [])].filter((volume) => !used.has(volume)).length;
      return added > 0 && used.size + added > (allocatable?.count ?? Number.POSITIVE_INFINITY);
    });
  }

  #decide(
    delayed: readonly PersistentVolumeClaim[],
    node: Node,
  ): Omit<VolumeDecision, 'settle'> | { readonly reasons: Reasons } {
    const bind: { claim: PersistentVolumeClaim; volume: PersistentVolume }[] = [];
    const provision: PersistentVolumeClaim[] = [];
    const used = new Set<string>();
    for (const claim of delayed) {
      const chosen = claim.metadata.annotations?.[selectedNodeAnnotation];
      if (chosen !== undefined && chosen !== node.metadata.name)
        return { reasons: ["node(s) didn't find available persistent volumes to bind"] };
      const volume =
        chosen === undefined ? matchVolume(claim, this.#free(claim, used), { node, delayBinding: true }) : undefined;
      if (volume) {
        used.add(volume.metadata.name as string);
        bind.push({ claim, volume });
        continue;
      }
      const reason = this.#refuseProvisioning(claim, node);
      if (reason) return { reasons: [reason] };
      provision.push(claim);
    }
    return { bind, provision };
  }

  #free(claim: PersistentVolumeClaim, used: ReadonlySet<string>): PersistentVolume[] {
    return this.#listers.volumes.byIndex('class', claim.spec?.storageClassName ?? '').filter((volume) => {
      const name = volume.metadata.name as string;
      const promised = this.#promised.get(name);
      return !used.has(name) && (promised === undefined || promised === keyOf(claim));
    });
  }

  #refuseProvisioning(claim: PersistentVolumeClaim, node: Node): string | undefined {
    const nothing = "node(s) didn't find available persistent volumes to bind";
    const storageClass = this.#listers.classes.get(claim.spec?.storageClassName ?? '');
    if (!storageClass || storageClass.provisioner === noProvisioner) return nothing;
    if (!allowedOn(storageClass, node)) return nothing;
    return this.#hasCapacity(claim, storageClass, node) ? undefined : 'node(s) did not have enough free storage';
  }

  #hasCapacity(claim: PersistentVolumeClaim, storageClass: StorageClass, node: Node): boolean {
    if (!this.#listers.drivers.get(storageClass.provisioner)?.spec.storageCapacity) return true;
    const wanted = Quantity.parse(claim.spec?.resources?.requests?.['storage'] ?? '0');
    return this.#listers.capacities.list().some((capacity) => {
      if (capacity.storageClassName !== storageClass.metadata.name) return false;
      const limit = capacity.maximumVolumeSize ?? capacity.capacity;
      const reaches = capacity.nodeTopology && Selector.fromObject(capacity.nodeTopology).matches(node.metadata.labels);
      return reaches && limit !== undefined && Quantity.parse(limit).compare(wanted) >= 0;
    });
  }

  #driverVolumes(pods: Iterable<Pod>): Map<string, Set<string>> {
    const result = new Map<string, Set<string>>();
    for (const pod of pods)
      for (const { key } of claimKeys(pod)) {
        const claim = this.#listers.claims.get(key);
        const volume = this.#listers.volumes.get(claim?.spec?.volumeName ?? '');
        const driver =
          volume?.spec?.csi?.driver ?? this.#listers.classes.get(claim?.spec?.storageClassName ?? '')?.provisioner;
        if (!driver) continue;
        const volumes = result.get(driver) ?? new Set();
        volumes.add(volume?.spec?.csi?.volumeHandle ?? key);
        result.set(driver, volumes);
      }
    return result;
  }
}

function allowedOn({ allowedTopologies = [] }: StorageClass, node: Node): boolean {
  if (allowedTopologies.length === 0) return true;
  const labels = node.metadata.labels ?? {};
  return allowedTopologies.some(({ matchLabelExpressions = [] }) =>
    matchLabelExpressions.every(({ key, values }) => values.includes(labels[key] as string)),
  );
}
