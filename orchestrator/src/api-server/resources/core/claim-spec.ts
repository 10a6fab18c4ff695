import type { PersistentVolumeClaimSpec, TypedObjectReference } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { forbidden, invalid, notSupported, required } from '../field.ts';
import { validateLabelSelector } from '../label-selector.ts';
import { dns1123Label, dns1123Subdomain } from '../names.ts';
import { canonicalQuantity, compareQuantities } from '../quantity.ts';

const supportedModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
export const volumeModes = ['Block', 'Filesystem'];

/** A claim's wish, on its own or as a template (ValidatePersistentVolumeClaimSpec). */
export function validateClaimSpec(
  spec: PersistentVolumeClaimSpec,
  field: string,
  { anyGroup = false } = {},
): FieldError[] {
  const { accessModes = [], selector, volumeMode, storageClassName, volumeAttributesClassName } = spec;
  return [
    ...(accessModes.length > 0 ? [] : [required(`${field}.accessModes`, 'at least 1 access mode is required')]),
    ...validateLabelSelector(selector, `${field}.selector`),
    ...validateAccessModes(accessModes, `${field}.accessModes`),
    ...storageErrors(spec.resources?.requests?.['storage'], `${field}.resources[storage]`),
    ...classErrors(storageClassName, `${field}.storageClassName`),
    ...(volumeMode === undefined || volumeModes.includes(volumeMode)
      ? []
      : [notSupported(`${field}.volumeMode`, volumeMode, volumeModes)]),
    ...dataSourceErrors(spec, field, anyGroup),
    ...classErrors(volumeAttributesClassName, `${field}.volumeAttributesClassName`),
  ];
}

export function validateAccessModes(modes: readonly string[], field: string): FieldError[] {
  const single = modes.includes('ReadWriteOncePod');
  const others = modes.some((mode) => mode !== 'ReadWriteOncePod' && supportedModes.includes(mode));
  return [
    ...modes.filter((mode) => !supportedModes.includes(mode)).map((mode) => notSupported(field, mode, supportedModes)),
    ...(single && others ? [forbidden(field, 'may not use ReadWriteOncePod with other access modes')] : []),
  ];
}

function storageErrors(storage: string | undefined, field: string): FieldError[] {
  if (storage === undefined) return [required(field)];
  return compareQuantities(storage, 0) > 0
    ? []
    : [invalid(field, canonicalQuantity(storage), 'must be greater than zero')];
}

export function classErrors(name: string | undefined, field: string): FieldError[] {
  return name ? dns1123Subdomain(name).map((text) => invalid(field, name, text)) : [];
}

function dataSourceErrors(
  { dataSource, dataSourceRef }: PersistentVolumeClaimSpec,
  field: string,
  anyGroup: boolean,
): FieldError[] {
  const errors = [
    ...(dataSource ? referenceErrors(dataSource, `${field}.dataSource`, anyGroup) : []),
    ...(dataSourceRef ? referenceErrors(dataSourceRef, `${field}.dataSourceRef`, anyGroup) : []),
  ];
  if (!dataSource || !dataSourceRef) return errors;
  // Upstream passes a path where a value belongs, which prints as an empty object.
  if (dataSourceRef.namespace)
    return [...errors, invalid(field, {}, 'may not be specified when dataSourceRef.namespace is specified')];
  const same =
    dataSource.apiGroup === dataSourceRef.apiGroup &&
    dataSource.kind === dataSourceRef.kind &&
    dataSource.name === dataSourceRef.name;
  return same ? errors : [...errors, invalid(field, {}, 'must match dataSourceRef')];
}

function referenceErrors(
  { name, kind, apiGroup, namespace }: TypedObjectReference,
  field: string,
  anyGroup: boolean,
): FieldError[] {
  return [
    ...(name ? [] : [required(`${field}.name`)]),
    ...(kind ? [] : [required(`${field}.kind`)]),
    ...(!apiGroup && kind !== 'PersistentVolumeClaim'
      ? [invalid(field, kind ?? '', "must be 'PersistentVolumeClaim' when referencing the default apiGroup")]
      : []),
    ...(anyGroup ? [] : classErrors(apiGroup, `${field}.apiGroup`)),
    ...(namespace ? dns1123Label(namespace).map((text) => invalid(`${field}.namespace`, namespace, text)) : []),
  ];
}
