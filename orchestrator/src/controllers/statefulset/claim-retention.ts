import type { OwnerReference, PersistentVolumeClaim, Pod, StatefulSet } from '@berth/kube';

/**
 * Who must own a claim so that the garbage collector deletes it when persistentVolumeClaimRetentionPolicy says so (KEP-1847):
 * the set for whenDeleted=Delete; the pod, once it is condemned, for whenScaled=Delete.
 * @returns the owner references wanted, or undefined when those there are right.
 */
export function claimOwners(
  set: StatefulSet,
  claim: PersistentVolumeClaim,
  condemned: Pod | undefined,
): OwnerReference[] | undefined {
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } = set.spec?.persistentVolumeClaimRetentionPolicy ?? {};
  const present = claim.metadata.ownerReferences ?? [];
  if (present.some((owner) => owner.controller && owner.uid !== set.metadata.uid && !isPodOfSet(owner, set)))
    return undefined;
  const others = present.filter(
    (owner) => !(owner.kind === 'StatefulSet' && owner.uid === set.metadata.uid) && !isPodOfSet(owner, set),
  );
  const wanted = [...others];
  if (whenScaled === 'Delete' && condemned) wanted.push(ownerRef('v1', 'Pod', condemned));
  else if (whenDeleted === 'Delete') wanted.push(ownerRef('apps/v1', 'StatefulSet', set));
  return sameOwners(present, wanted) ? undefined : wanted;
}

function isPodOfSet(owner: OwnerReference, set: StatefulSet): boolean {
  return owner.kind === 'Pod' && owner.name.startsWith(`${set.metadata.name}-`);
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
      .map(({ kind, uid }) => `${kind}/${uid}`)
      .sort()
      .join();
  return keys(a) === keys(b);
}
