import type { AnyObject } from '../resource-definition.ts';
import { type AdmissionPlugin, isResource } from './admission.ts';
import type { AdmissionLookup } from './lookup.ts';

const defaultAnnotations = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

/** A claim that names no class gets the default one; of several the newest (admission DefaultStorageClass). */
export function defaultStorageClass(lookup: AdmissionLookup): AdmissionPlugin {
  return async (request) => {
    if (request.operation !== 'create' || !isResource(request, '', 'persistentvolumeclaims')) return;
    const { spec, metadata } = request.object;
    const named = spec?.storageClassName ?? metadata.annotations?.['volume.beta.kubernetes.io/storage-class'];
    if (named !== undefined && named !== null) return;
    const classes = (await lookup.list('storage.k8s.io', 'storageclasses')).filter(isDefault);
    const chosen = classes.toSorted(newestFirst)[0];
    if (chosen) request.object.spec = { ...spec, storageClassName: chosen.metadata.name };
  };
}

function isDefault({ metadata }: AnyObject): boolean {
  return defaultAnnotations.some((name) => metadata.annotations?.[name] === 'true');
}

/** By creation, then by name. */
export function newestFirst(a: AnyObject, b: AnyObject): number {
  const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  if (left !== right) return left < right ? 1 : -1;
  return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;
}
