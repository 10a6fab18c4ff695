import type { PersistentVolumeClaimSpec } from '@berth/kube';

/** SetDefaults_PersistentVolumeClaimSpec. */
export function defaultClaimSpec(spec: PersistentVolumeClaimSpec): void {
  spec.volumeMode ??= 'Filesystem';
}
