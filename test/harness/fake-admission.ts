import { type Clock, rfc3339 } from '@berth/kit';
import type { KubeObject, PersistentVolume, PersistentVolumeClaim, Pod, VolumeAttachment } from '@berth/kube';

/** Defaults and admission of the kinds storage controllers work on, as the real API server applies them. */
export function admit(plural: string, object: KubeObject, clock: Clock, before?: KubeObject): void {
  if (plural === 'persistentvolumes') admitVolume(object as PersistentVolume, clock, before as PersistentVolume);
  if (before) return;
  if (plural === 'persistentvolumeclaims') admitClaim(object as PersistentVolumeClaim);
  if (plural === 'volumeattributesclasses') object.metadata.finalizers ??= ['kubernetes.io/vac-protection'];
  if (plural === 'pods') (object as Pod).status ??= { phase: 'Pending' };
  if (plural === 'volumeattachments') (object as VolumeAttachment).status ??= { attached: false };
  if (plural === 'storageclasses') {
    const storageClass = object as { reclaimPolicy?: string; volumeBindingMode?: string };
    storageClass.reclaimPolicy ??= 'Delete';
    storageClass.volumeBindingMode ??= 'Immediate';
  }
}

function admitClaim(claim: PersistentVolumeClaim): void {
  claim.metadata.finalizers ??= ['kubernetes.io/pvc-protection'];
  claim.spec ??= {};
  claim.spec.volumeMode ??= 'Filesystem';
  claim.status = { phase: 'Pending' };
}

function admitVolume(volume: PersistentVolume, clock: Clock, before: PersistentVolume | undefined): void {
  if (!before) {
    const finalizers = volume.metadata.finalizers ?? [];
    const protection = 'kubernetes.io/pv-protection';
    if (!finalizers.includes(protection)) volume.metadata.finalizers = [...finalizers, protection];
    volume.spec ??= {};
    volume.spec.volumeMode ??= 'Filesystem';
    volume.spec.persistentVolumeReclaimPolicy ??= 'Retain';
    volume.status = { phase: 'Pending' };
  }
  if (volume.status && volume.status.phase !== before?.status?.phase) {
    volume.status.lastPhaseTransitionTime = rfc3339(clock.now());
  }
}
