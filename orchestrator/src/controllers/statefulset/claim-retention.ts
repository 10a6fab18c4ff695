import type { OwnerReference, PersistentVolumeClaim, Pod, StatefulSet } from '@berth/kube';

/** The pod a claim is for, where there is one; condemned when the set has no place for it any more. */
export interface ClaimUser {
  readonly pod?: Pod | undefined;
  readonly isCondemned?: boolean;
}

/**
 * Who must own a claim so that the garbage collector deletes it when persistentVolumeClaimRetentionPolicy says so (KEP-1847):
 * the set for whenDeleted=Delete; the pod, once it is condemned, for whenScaled=Delete; nobody of these beside another controller
 * (stateful_set_utils.go updateClaimOwnerRefForSetAndPod).
 * @returns the owner references wanted, or undefined when those there are right or not this set's to change.
 */
export function claimOwners(
  set: StatefulSet,
  claim: PersistentVolumeClaim,
  { pod, isCondemned = false }: ClaimUser,
): OwnerReference[] | undefined {
  const present = claim.metadata.ownerReferences ?? [];
  if (isStale(claim, 'StatefulSet', set) || (pod && isStale(claim, 'Pod', pod))) return undefined;
  const others = present.filter(({ uid }) => uid !== set.metadata.uid && uid !== pod?.metadata.uid);
  const owner = others.some(({ controller }) => controller) ? undefined : ownerOf(set, { pod, isCondemned });
  const wanted = owner ? [...others, owner] : others;
  return sameOwners(present, wanted) ? undefined : wanted;
}

/** A claim that an earlier object of this name owns: what becomes of it is decided already. */
export function isStale(
  claim: PersistentVolumeClaim,
  kind: 'Pod' | 'StatefulSet',
  { metadata }: { readonly metadata: Pod['metadata'] },
): boolean {
  const owners = claim.metadata.ownerReferences ?? [];
  return owners.some((owner) => owner.kind === kind && owner.name === metadata.name && owner.uid !== metadata.uid);
}

function ownerOf(set: StatefulSet, { pod, isCondemned }: ClaimUser): OwnerReference | undefined {
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } = set.spec?.persistentVolumeClaimRetentionPolicy ?? {};
  if (whenScaled === 'Delete' && pod && isCondemned) return ownerRef('v1', 'Pod', pod);
  return whenDeleted === 'Delete' ? ownerRef('apps/v1', 'StatefulSet', set) : undefined;
}

function ownerRef(apiVersion: string, kind: string, { metadata }: Pod | StatefulSet): OwnerReference {
  return {
    apiVersion,
    kind,
    name: metadata.name as string,
    uid: metadata.uid as string,
    controller: true,
    blockOwnerDeletion: true,
  };
}

function sameOwners(a: readonly OwnerReference[], b: readonly OwnerReference[]): boolean {
  const keys = (owners: readonly OwnerReference[]) =>
    owners
      .map(({ uid, controller = false }) => `${uid}/${controller}`)
      .sort()
      .join();
  return keys(a) === keys(b);
}
