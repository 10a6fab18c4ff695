import { Quantity } from '@berth/kube';
import { forbidden } from '../resource-errors.ts';
import { type AdmissionPlugin, isResource } from './admission.ts';
import type { AdmissionLookup } from './lookup.ts';

/** A claim grows only when it is bound and its class allows it (admission PersistentVolumeClaimResize). */
export function claimResize(lookup: AdmissionLookup): AdmissionPlugin {
  return async (request) => {
    const { operation, object, old, definition, name } = request;
    if (operation !== 'update' || !old || !isResource(request, '', 'persistentvolumeclaims')) return;
    const [asked, had] = [object, old].map((claim) => claim.spec?.resources?.requests?.storage as string | undefined);
    if (asked === undefined || had === undefined || !grows(asked, had)) return;
    if (old.status?.phase !== 'Bound')
      throw forbidden(definition, name, 'Only bound persistent volume claims can be expanded');
    const className =
      old.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? old.spec?.storageClassName;
    const storageClass = className ? await lookup.find('storage.k8s.io', 'storageclasses', '', className) : undefined;
    if (storageClass?.['allowVolumeExpansion'] === true) return;
    const why =
      'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize';
    throw forbidden(definition, name, why);
  };
}

/** Validation says what is wrong with a quantity that is none. */
function grows(asked: string, had: string): boolean {
  try {
    return Quantity.parse(asked).compare(Quantity.parse(had)) > 0;
  } catch {
    return false;
  }
}
