import { Quantity } from '@berth/kube';
import type { berth } from '@berth/protos';

/** A PersistentVolume that shows a volume which is there already; kept when its claim goes. */
export function staticVolume(driver: string, volume: berth.Volume) {
  const { volumeId, name, capacityBytes, volumeContext, segments, fsType } = volume;
  const expressions = Object.entries(segments).map(([key, value]) => ({ key, operator: 'In', values: [value] }));
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: objectName(name, volumeId) },
    spec: {
      capacity: { storage: Quantity.of(BigInt(capacityBytes), 'BinarySI').toString() },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: '',
      csi: {
        driver,
        volumeHandle: volumeId,
        ...(fsType === '' ? {} : { fsType }),
        volumeAttributes: volumeContext,
      },
      ...(expressions.length === 0
        ? {}
        : { nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: expressions }] } } }),
    },
  };
}

/** A provisioner names volumes as their PersistentVolumes; a name that cannot be an object's becomes the id, up to where its server is. */
function objectName(name: string, volumeId: string): string {
  const fits = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name) && name.length <= 253;
  return fits ? name : `restored-${volumeId.replace(/[+@].*$/, '')}`;
}
