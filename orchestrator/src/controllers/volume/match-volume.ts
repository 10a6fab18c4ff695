import { type Node, type PersistentVolume, type PersistentVolumeClaim, Selector } from '@berth/kube';
import { capacityOf, classOf, includesModes, isBoundToClaim, requestedStorage, volumeModeOf } from './binding-facts.ts';
import { nodeCanReach } from './node-affinity.ts';

export interface MatchOptions {
  /** The scheduler's candidate; without one, claims of a delayed class match only what is already reserved for them. */
  readonly node?: Node;
  readonly delayBinding: boolean;
  /** Volumes promised to other claims of the same pod. */
  readonly excluded?: ReadonlySet<string>;
}

/**
 * The volume that suits the claim best: one reserved for it, else the smallest that fits, preferring volumes that offer
 * no more access modes than asked (component-helpers volume.FindMatchingVolume, persistentvolume/index.go).
 */
export function matchVolume(
  claim: PersistentVolumeClaim,
  volumes: Iterable<PersistentVolume>,
  options: MatchOptions,
): PersistentVolume | undefined {
  const suitable: PersistentVolume[] = [];
  const selector = claim.spec?.selector ? Selector.fromObject(claim.spec.selector) : undefined;
  for (const volume of volumes) {
    if (options.excluded?.has(volume.metadata.name ?? '') || !couldHold(volume, claim)) continue;
    const reachable = isReachable(volume, options.node);
    if (isBoundToClaim(volume, claim)) return reachable ? volume : undefined;
    if (!options.node && options.delayBinding) continue;
    if (volume.status?.phase !== 'Available' || (selector && !selector.matches(volume.metadata.labels))) continue;
    if (classOf(volume) === classOf(claim) && reachable && includesModes(volume, claim)) suitable.push(volume);
  }
  return suitable.sort(byFit)[0];
}

function couldHold(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return (
    (!volume.spec?.claimRef || isBoundToClaim(volume, claim)) &&
    capacityOf(volume).compare(requestedStorage(claim)) >= 0 &&
    volumeModeOf(volume) === volumeModeOf(claim) &&
    attributesClassOf(volume) === attributesClassOf(claim) &&
    volume.metadata.deletionTimestamp === undefined
  );
}

function attributesClassOf({ spec }: PersistentVolume | PersistentVolumeClaim): string {
  return spec?.volumeAttributesClassName ?? '';
}

function isReachable(volume: PersistentVolume, node: Node | undefined): boolean {
  return !node || nodeCanReach(volume, node.metadata.name ?? '', node.metadata.labels);
}

/** Fewest access modes, then smallest; the name decides the rest, so that every server chooses alike. */
function byFit(a: PersistentVolume, b: PersistentVolume): number {
  const modes = (a.spec?.accessModes?.length ?? 0) - (b.spec?.accessModes?.length ?? 0);
  if (modes !== 0) return modes;
  return capacityOf(a).compare(capacityOf(b)) || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);
}

/** Why a volume named by a claim cannot serve it, in upstream's words (checkVolumeSatisfyClaim); undefined if it can. */
export function whyUnsatisfied(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (capacityOf(volume).compare(requestedStorage(claim)) < 0) return 'requested PV is too small';
  if (classOf(volume) !== classOf(claim)) return 'storageClassName does not match';
  if (attributesClassOf(volume) !== attributesClassOf(claim)) return 'volumeAttributesClassName does not match';
  if (volumeModeOf(volume) !== volumeModeOf(claim)) return 'incompatible volumeMode';
  if (!includesModes(volume, claim)) return 'incompatible accessMode';
  return undefined;
}
