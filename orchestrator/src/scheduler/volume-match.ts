import { LabelSelector, type Node, type PersistentVolume, type PersistentVolumeClaim, Quantity } from '@berth/kube';
import { matchesNodeSelector } from './node-selector.ts';

export function volumeFitsNode(volume: PersistentVolume, node: Node): boolean {
  const required = volume.spec?.nodeAffinity?.required;
  return !required || matchesNodeSelector(required, node);
}

/** The smallest free volume that a waiting claim could be bound to on `node` (component-helpers FindMatchingVolume). */
export function findMatchingVolume(
  claim: PersistentVolumeClaim,
  node: Node,
  volumes: Iterable<PersistentVolume>,
): PersistentVolume | undefined {
  let best: { volume: PersistentVolume; size: Quantity } | undefined;
  for (const volume of volumes) {
    if (!isCandidate(volume, claim) || !volumeFitsNode(volume, node)) continue;
    const size = Quantity.parse(volume.spec?.capacity?.['storage'] ?? '0');
    if (size.compare(wantedSize(claim)) < 0) continue;
    if (isReservedFor(volume, claim)) return volume;
    if (!best || size.compare(best.size) < 0) best = { volume, size };
  }
  return best?.volume;
}

function isCandidate({ metadata, spec, status }: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  if (metadata.deletionTimestamp || (spec?.storageClassName ?? '') !== (claim.spec?.storageClassName ?? ''))
    return false;
  if ((spec?.volumeMode ?? 'Filesystem') !== (claim.spec?.volumeMode ?? 'Filesystem')) return false;
  if (!(claim.spec?.accessModes ?? []).every((mode) => spec?.accessModes?.includes(mode))) return false;
  const reserved = isReservedFor({ metadata, spec } as PersistentVolume, claim);
  if (!reserved && (spec?.claimRef || status?.phase !== 'Available')) return false;
  return reserved || !claim.spec?.selector || LabelSelector.fromObject(claim.spec.selector).matches(metadata.labels);
}

function isReservedFor(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const ref = volume.spec?.claimRef;
  if (!ref || ref.name !== claim.metadata.name || ref.namespace !== claim.metadata.namespace) return false;
  return !ref.uid || ref.uid === claim.metadata.uid;
}

function wantedSize(claim: PersistentVolumeClaim): Quantity {
  return Quantity.parse(claim.spec?.resources?.requests?.['storage'] ?? '0');
}
