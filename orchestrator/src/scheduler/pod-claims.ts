import {
  type Informer,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  type StorageClass,
  splitKey,
} from '@berth/kube';
import { bindCompleted } from '../controllers/volume/binding-names.ts';

export interface VolumeListers {
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  readonly classes: Informer<StorageClass>;
}

/** A pod's claims by what the scheduler has to do for them. */
export interface PodClaims {
  /** Of these some may not show it yet ({@link isBound}). */
  readonly bound: readonly PersistentVolumeClaim[];
  /** WaitForFirstConsumer: bound or provisioned once a node is chosen. */
  readonly delayed: readonly PersistentVolumeClaim[];
}

export interface ClaimUse {
  readonly key: string;
  readonly ephemeral: boolean;
}

/** Key of the claim a pod volume uses, generic ephemeral ones by their fixed name (KEP-1698). */
export function claimKeys(pod: Pod): ClaimUse[] {
  const { namespace, name } = pod.metadata;
  return (pod.spec?.volumes ?? []).flatMap((volume): ClaimUse[] => {
    if (volume.persistentVolumeClaim)
      return [{ key: `${namespace}/${volume.persistentVolumeClaim.claimName}`, ephemeral: false }];
    return volume.ephemeral ? [{ key: `${namespace}/${name}-${volume.name}`, ephemeral: true }] : [];
  });
}

/** The claims sorted, or why no node can take the pod yet, in kube-scheduler's words (VolumeBinding PreFilter). */
export function sortClaims(pod: Pod, listers: VolumeListers): PodClaims | { readonly refused: string } {
  const bound: PersistentVolumeClaim[] = [];
  const delayed: PersistentVolumeClaim[] = [];
  for (const { key, ephemeral } of claimKeys(pod)) {
    const claim = listers.claims.get(key);
    const refused = refuseClaim(pod, claim, { name: splitKey(key).name, ephemeral });
    if (!claim || refused) return { refused: refused ?? 'persistentvolumeclaim not found' };
    if (isUsable(claim)) bound.push(claim);
    else if (waitsForConsumer(claim, listers)) delayed.push(claim);
    else return { refused: 'pod has unbound immediate PersistentVolumeClaims' };
  }
  return { bound, delayed };
}

function refuseClaim(
  pod: Pod,
  claim: PersistentVolumeClaim | undefined,
  { name, ephemeral }: { name: string; ephemeral: boolean },
): string | undefined {
  if (!claim && ephemeral)
    return `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`;
  if (!claim) return `persistentvolumeclaim "${name}" not found`;
  if (claim.status?.phase === 'Lost')
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${claim.spec?.volumeName}"`;
  if (claim.metadata.deletionTimestamp) return `persistentvolumeclaim "${name}" is being deleted`;
  if (
    ephemeral &&
    !claim.metadata.ownerReferences?.some((owner) => owner.controller && owner.uid === pod.metadata.uid)
  ) {
    return `PVC ${claim.metadata.namespace}/${name} was not created for pod ${pod.metadata.namespace}/${pod.metadata.name} (pod is not owner)`;
  }
  return undefined;
}

/**
 * Bound as the kubelet will see it. Upstream goes ahead once spec.volumeName is written, and its kubelet then backs off
 * 10 s over "PVC is not bound"; waiting for the phase costs nothing and avoids that.
 */
export function isBound(claim: PersistentVolumeClaim): boolean {
  return Boolean(claim.spec?.volumeName) && claim.status?.phase === 'Bound';
}

/** Bound in all but its status, whose write comes next: for upstream's scheduler it is bound (volume_binder.go isPVCFullyBound). */
/** Its volume is known, although its status may not say so yet. */
export function isUsable(claim: PersistentVolumeClaim): boolean {
  return isBound(claim) || isSettled(claim);
}

function isSettled({ metadata, spec }: PersistentVolumeClaim): boolean {
  return Boolean(spec?.volumeName) && metadata.annotations?.[bindCompleted] !== undefined;
}

function waitsForConsumer(claim: PersistentVolumeClaim, { classes }: VolumeListers): boolean {
  if (claim.spec?.volumeName) return false;
  const name = claim.spec?.storageClassName;
  return name ? classes.get(name)?.volumeBindingMode === 'WaitForFirstConsumer' : false;
}
