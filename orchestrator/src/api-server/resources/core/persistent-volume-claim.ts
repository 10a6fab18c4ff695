import { copyWithSentEmpties, type PersistentVolumeClaim, type PersistentVolumeClaimSpec } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { semanticEqual } from '../equality.ts';
import { forbidden, invalid, notSupported, required } from '../field.ts';
import { specDiff } from '../internal-form.ts';
import { immutable } from '../metadata.ts';
import { qualifiedName } from '../names.ts';
import { canonicalQuantity, compareQuantities } from '../quantity.ts';
import type { KindRules } from '../rules.ts';
import { accessModes } from './access-modes.ts';
import { defaultClaimSpec } from './claim-defaults.ts';
import { validateClaimSpec } from './claim-spec.ts';
import { isNativeResource } from './pod/resource-requirements.ts';

const betaClass = 'volume.beta.kubernetes.io/storage-class';
const snapshotGroup = 'snapshot.storage.k8s.io';

/** Claims: kubernetes registry/core/persistentvolumeclaim/strategy.go. */
export const claimRules: KindRules = {
  cells: {
    Status: ({ metadata, status }) => (metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? '')),
    Volume: ({ spec }) => spec?.volumeName ?? '',
    Capacity: ({ spec, status }) => (spec?.volumeName ? (status?.capacity?.storage ?? '0') : ''),
    'Access Modes': ({ spec, status }) => (spec?.volumeName ? accessModes(status?.accessModes) : ''),
    StorageClass: ({ metadata, spec }) => metadata.annotations?.[betaClass] ?? spec?.storageClassName ?? '',
    VolumeAttributesClass: ({ spec }) => spec?.volumeAttributesClassName ?? '<unset>',
    VolumeMode: ({ spec }) => spec?.volumeMode ?? '<unset>',
  },
  rules: {
    default: (object) => {
      const claim = object as PersistentVolumeClaim;
      claim.status ??= {};
      claim.status.phase ??= 'Pending';
      if (claim.spec) defaultClaimSpec(claim.spec);
    },
    prepareForCreate: ({ spec }) => {
      dropUnknownSource(spec);
      mirrorDataSource(spec);
    },
    prepareForUpdate: ({ spec }, old) => {
      if (!old['spec']?.dataSource && !old['spec']?.dataSourceRef) dropUnknownSource(spec);
      mirrorDataSource(spec);
    },
    validate: ({ spec }, old) => validateClaimSpec(spec, 'spec', { anyGroup: namesGroup(old?.['spec']) }),
    validateUpdate,
    validateStatusUpdate,
  },
};

/** What names a group is not asked again whether there may be such a group (allowInvalidAPIGroupInDataSourceOrRef). */
function namesGroup({ dataSource, dataSourceRef }: PersistentVolumeClaimSpec = {}): boolean {
  return dataSource?.apiGroup !== undefined || dataSourceRef?.apiGroup !== undefined;
}

/** `dataSource` takes claims and snapshots only; for others there is dataSourceRef (EnforceDataSourceBackwardsCompatibility). */
function dropUnknownSource(spec: PersistentVolumeClaimSpec): void {
  const source = spec.dataSource;
  if (!source || spec.dataSourceRef) return;
  const known =
    (source.kind === 'PersistentVolumeClaim' && !source.apiGroup) ||
    (source.kind === 'VolumeSnapshot' && source.apiGroup === snapshotGroup);
  if (!known) delete spec.dataSource;
}

/** The two fields for a data source always say the same (NormalizeDataSources). */
function mirrorDataSource(spec: PersistentVolumeClaimSpec): void {
  const { dataSource, dataSourceRef } = spec;
  if (dataSource && !dataSourceRef) spec.dataSourceRef = { ...dataSource };
  else if (dataSourceRef && !dataSource && !dataSourceRef.namespace) {
    const { namespace: _, ...source } = dataSourceRef;
    spec.dataSource = source;
  }
}

function validateUpdate(next: AnyObject, old: AnyObject): FieldError[] {
  const spec = (next as PersistentVolumeClaim).spec as PersistentVolumeClaimSpec;
  const before = (old as PersistentVolumeClaim).spec as PersistentVolumeClaimSpec;
  const annotation = next.metadata.annotations?.[betaClass] ?? '';
  const oldAnnotation = old.metadata.annotations?.[betaClass] ?? '';
  const munged = withoutAllowedChanges(next as PersistentVolumeClaim, old as PersistentVolumeClaim);
  const reference = { ...before, ...(before.volumeName ? {} : pick(spec, 'volumeName')) };
  const upgraded = before.storageClassName === undefined && spec.storageClassName === oldAnnotation;
  return [
    ...(annotation === oldAnnotation || (upgraded && annotation === '')
      ? []
      : [invalid(`metadata.annotations.${betaClass}`, annotation, 'field is immutable')]),
    ...(semanticEqual(munged, reference) ? [] : [changedSpec(reference, munged)]),
    ...shrinkErrors(next as PersistentVolumeClaim, old as PersistentVolumeClaim),
    ...immutable(spec.volumeMode, before.volumeMode, 'volumeMode'),
    ...(spec.volumeAttributesClassName === before.volumeAttributesClassName
      ? []
      : attributesClassErrors(spec, (old as PersistentVolumeClaim).status?.currentVolumeAttributesClassName)),
  ];
}

function changedSpec(before: PersistentVolumeClaimSpec, after: PersistentVolumeClaimSpec): FieldError {
  const diff = specDiff('PersistentVolumeClaimSpec', before, after);
  const text =
    'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
  return forbidden('spec', `${text}\n${diff}`);
}

/** The new spec with every allowed change taken back: binding, growing and modifying a bound claim, naming a missing class. */
function withoutAllowedChanges(next: PersistentVolumeClaim, old: PersistentVolumeClaim): PersistentVolumeClaimSpec {
  const munged = copyWithSentEmpties(next.spec as PersistentVolumeClaimSpec);
  const before = old.spec as PersistentVolumeClaimSpec;
  const annotation = old.metadata.annotations?.[betaClass];
  if (before.storageClassName === undefined && (annotation === undefined || munged.storageClassName === annotation))
    delete munged.storageClassName;
  if (next.status?.phase !== 'Bound') return munged;
  const storage = before.resources?.requests?.['storage'];
  if (munged.resources?.requests && storage !== undefined) munged.resources.requests['storage'] = storage;
  if (before.volumeAttributesClassName === undefined) delete munged.volumeAttributesClassName;
  else munged.volumeAttributesClassName = before.volumeAttributesClassName;
  return munged;
}

function pick<T extends object, K extends keyof T>(object: T, key: K): Partial<Pick<T, K>> {
  return object[key] === undefined ? {} : ({ [key]: object[key] } as unknown as Pick<T, K>);
}

/** A growth that could not be fulfilled may be lowered, though not to what the volume has (KEP-1790). */
function shrinkErrors(next: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const size = next.spec?.resources?.requests?.['storage'] ?? '0';
  const before = old.spec?.resources?.requests?.['storage'] ?? '0';
  if (compareQuantities(size, before) >= 0) return [];
  if (compareQuantities(size, old.status?.capacity?.['storage'] ?? '0') > 0) return [];
  return [forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity')];
}

function attributesClassErrors(
  { volumeAttributesClassName: name }: PersistentVolumeClaimSpec,
  current?: string,
): FieldError[] {
  if (current === undefined || name) return [];
  const to = name === undefined ? 'nil' : 'empty string';
  const text = `update to ${to} is forbidden when status.currentVolumeAttributesClassName is not nil`;
  return [forbidden('spec.volumeAttributesClassName', text)];
}

const resizeStatuses = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
  'NodeResizePending',
].sort();

function validateStatusUpdate(next: AnyObject): FieldError[] {
  const { status = {} } = next as PersistentVolumeClaim;
  const statuses = 'status.allocatedResourceStatuses';
  return [
    ...Object.entries(status.capacity ?? {}).flatMap(([name, value]) => sizeErrors(value, `status.capacity[${name}]`)),
    ...Object.entries(status.allocatedResourceStatuses ?? {}).flatMap(([name, value]) => [
      ...resourceKeyErrors(name, statuses),
      ...(resizeStatuses.includes(value) ? [] : [notSupported(statuses, name, resizeStatuses)]),
    ]),
    ...Object.entries(status.allocatedResources ?? {}).flatMap(([name, value]) => {
      const errors = resourceKeyErrors(name, 'status.allocatedResources');
      return errors.length > 0 ? errors : sizeErrors(value, `status.allocatedResources[${name}]`);
    }),
    ...((next as PersistentVolumeClaim).spec?.accessModes?.length ? [] : [required('Spec.accessModes')]),
  ];
}

function sizeErrors(value: string, field: string): FieldError[] {
  if (compareQuantities(value, 0) >= 0) return [];
  return [invalid(field, Number(canonicalQuantity(value)), 'must be a valid resource quantity')];
}

function resourceKeyErrors(name: string, field: string): FieldError[] {
  const errors = qualifiedName(name).map((text) => invalid(field, name, text));
  if (errors.length > 0 || !isNativeResource(name) || name === 'storage') return errors;
  return [notSupported(field, name, ['storage'])];
}
