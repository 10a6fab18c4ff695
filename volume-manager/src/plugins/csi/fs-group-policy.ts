import type { VolumeSpec } from '../../volume-spec.ts';

/** Whether kubelet itself changes the group of a CSI volume's files (upstream csi_mounter.go supportsFSGroup). */
export function appliesFsGroup(spec: VolumeSpec, policy: string, fsType: string | undefined): boolean {
  if (policy === 'None' || spec.readOnly) return false;
  if (policy === 'File') return true;
  if (!fsType) return false;
  // Inline volumes are their one pod's own.
  return spec.pv === undefined || (spec.pv.spec?.accessModes ?? []).includes('ReadWriteOnce');
}
