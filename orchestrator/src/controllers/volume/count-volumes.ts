import { type PersistentVolume, type PersistentVolumeClaim, resources, type VolumeAttachment } from '@berth/kube';
import type { ObjectCounts } from '../object-counts.ts';
import { classOf } from './binding-facts.ts';

/** Claims, volumes and attachments, under kube-controller-manager's names (volume controllers' metrics). */
export function countVolumes(counts: ObjectCounts): void {
  const volumes = (isBound: boolean) => ({
    labels: ['storage_class'],
    type: resources.persistentvolumes,
    of: (volume: PersistentVolume) => ((volume.status?.phase === 'Bound') === isBound ? [[classOf(volume)]] : []),
  });
  const claims = (isBound: boolean) => ({
    labels: ['namespace', 'storage_class', 'volume_attributes_class'],
    type: resources.persistentvolumeclaims,
    of: (claim: PersistentVolumeClaim) =>
      (claim.status?.phase === 'Bound') === isBound
        ? [[claim.metadata.namespace ?? '', classOf(claim), claim.spec?.volumeAttributesClassName ?? '']]
        : [],
  });
  const name = (rest: string) => `pv_collector_${rest}`;
  counts.gauge({ name: name('bound_pv_count'), help: 'Volumes that are bound.', ...volumes(true) });
  counts.gauge({ name: name('unbound_pv_count'), help: 'Volumes that are not bound.', ...volumes(false) });
  counts.gauge({ name: name('bound_pvc_count'), help: 'Claims that are bound.', ...claims(true) });
  counts.gauge({ name: name('unbound_pvc_count'), help: 'Claims that are not bound.', ...claims(false) });
  counts.gauge({
    name: name('total_pv_count'),
    help: 'Volumes, by their plugin.',
    labels: ['plugin_name', 'volume_mode'],
    type: resources.persistentvolumes,
    of: (volume: PersistentVolume) => [[pluginOf(volume), volume.spec?.volumeMode ?? 'Filesystem']],
  });
  counts.gauge({
    name: 'attachdetach_controller_total_volumes',
    help: 'Volumes that are attached, and that are to be.',
    labels: ['plugin_name', 'state'],
    type: resources.volumeattachments,
    of: ({ metadata, spec, status }: VolumeAttachment) => {
      const plugin = csiPlugin(spec?.attacher);
      return [
        ...(status?.attached ? [[plugin, 'actual_state_of_world']] : []),
        ...(metadata.deletionTimestamp === undefined ? [[plugin, 'desired_state_of_world']] : []),
      ];
    },
  });
}

/** As kube-controller-manager calls the plugins that it looks for there; of others it says that there is none. */
function pluginOf({ spec }: PersistentVolume): string {
  if (spec?.csi) return csiPlugin(spec.csi.driver);
  if (spec?.local) return 'kubernetes.io/local-volume';
  if (spec?.hostPath) return 'kubernetes.io/host-path';
  return spec?.nfs ? 'kubernetes.io/nfs' : 'N/A';
}

function csiPlugin(driver = ''): string {
  return `kubernetes.io/csi:${driver}`;
}
