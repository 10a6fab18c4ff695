import type { Operation } from '../reconcile/operation.ts';
import { csiSource, type VolumeSpec } from '../volume-spec.ts';

/** `operation_name` and `volume_plugin` of `storage_operation_duration_seconds`, as kubelet names them. */
export function metricLabels(operation: Operation): { readonly operation: string; readonly plugin: string } {
  const block = ('spec' in operation ? operation.spec.mode : operation.actual.mode) === 'Block';
  switch (operation.kind) {
    case 'mount-device':
    case 'expand-volume':
    case 'mount-pod': {
      const plugin = fullPluginName(operation.spec);
      if (operation.kind === 'expand-volume') return { operation: 'volume_fs_resize', plugin };
      return { operation: block ? 'map_volume' : 'volume_mount', plugin };
    }
    case 'unmount-pod':
      return { operation: block ? 'unmap_volume' : 'volume_unmount', plugin: operation.actual.plugin };
    case 'unmount-device': {
      const plugin = `kubernetes.io/csi:${operation.actual.driver}`;
      return { operation: block ? 'unmap_device' : 'unmount_device', plugin };
    }
  }
}

/** A plugin as kubelet's metrics name it, with the driver that it stands for. */
export function fullPluginName(spec: VolumeSpec): string {
  const driver = csiSource(spec)?.driver ?? spec.volume.csi?.driver;
  return driver === undefined ? spec.plugin : `${spec.plugin}:${driver}`;
}
