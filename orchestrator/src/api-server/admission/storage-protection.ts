import { type AdmissionPlugin, ensureFinalizer, isResource } from './admission.ts';

/** What is in use is not deleted under its user (admission StorageObjectInUseProtection). */
export const storageObjectInUseProtection: AdmissionPlugin = (request) => {
  if (request.operation !== 'create') return;
  if (isResource(request, '', 'persistentvolumeclaims'))
    ensureFinalizer(request.object.metadata, 'kubernetes.io/pvc-protection');
  if (isResource(request, '', 'persistentvolumes'))
    ensureFinalizer(request.object.metadata, 'kubernetes.io/pv-protection');
  if (isResource(request, 'storage.k8s.io', 'volumeattributesclasses'))
    ensureFinalizer(request.object.metadata, 'kubernetes.io/vac-protection');
};
