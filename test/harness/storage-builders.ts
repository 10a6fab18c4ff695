import type { PersistentVolumeClaim, PersistentVolumeClaimSpec, StorageClass } from '@berth/kube';

export function aClass(name: string, more: Partial<StorageClass> = {}): StorageClass {
  return { metadata: { name }, provisioner: 'hostpath.csi.k8s.io', ...more };
}

export function aClaim(name: string, spec: PersistentVolumeClaimSpec = {}, namespace = 'NS'): PersistentVolumeClaim {
  return {
    metadata: { name, namespace },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Mi' } },
      storageClassName: 'csi-hostpath-sc',
      ...spec,
    },
  };
}
