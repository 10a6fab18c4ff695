import type { ResourceDefinition } from '../resource-definition.ts';

/** Kinds whose deletion answers with the object itself (their stores' ReturnDeletedObject). */
const returnsObject = new Set([
  '/pods',
  '/persistentvolumes',
  '/persistentvolumeclaims',
  '/serviceaccounts',
  '/services',
  '/podtemplates',
  '/resourcequotas',
  'storage.k8s.io/storageclasses',
  'storage.k8s.io/volumeattachments',
  'storage.k8s.io/csinodes',
  'storage.k8s.io/csidrivers',
  'storage.k8s.io/volumeattributesclasses',
  'resource.k8s.io/deviceclasses',
  'resource.k8s.io/devicetaintrules',
  'resource.k8s.io/resourceclaims',
  'resource.k8s.io/resourceclaimtemplates',
  'resource.k8s.io/resourcepoolstatusrequests',
  'resource.k8s.io/resourceslices',
]);

export function returnsDeleted({ group, plural }: ResourceDefinition): boolean {
  return returnsObject.has(`${group}/${plural}`);
}
