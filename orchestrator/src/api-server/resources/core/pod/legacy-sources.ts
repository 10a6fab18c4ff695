import type {
  AzureDiskVolumeSource,
  FCVolumeSource,
  FlockerVolumeSource,
  QuobyteVolumeSource,
  Volume,
} from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { invalid, notSupported, notSupportedPlain, required } from '../../field.ts';
import { dns1123Label, inRange } from '../../names.ts';

/** Sources of volumes that only external drivers serve any more; pods and PersistentVolumes have them alike (core validation). */

export function needs(source: object, field: string, ...names: readonly string[]): FieldError[] {
  const given = source as Record<string, unknown>;
  return names.flatMap((name) => {
    const value = given[name];
    return value && !(Array.isArray(value) && value.length === 0) ? [] : [required(`${field}.${name}`)];
  });
}

/** A disk and one of its partitions. */
export function validateDisk(disk: { partition?: number }, field: string, id: string): FieldError[] {
  const { partition = 0 } = disk;
  return [
    ...needs(disk, field, id),
    ...(partition < 0 || partition > 255
      ? [invalid(`${field}.partition`, partition, 'must be between 1 and 255, inclusive')]
      : []),
  ];
}

export function validateFibreChannel(
  { targetWWNs = [], wwids = [], lun }: FCVolumeSource,
  field: string,
): FieldError[] {
  const path = `${field}.targetWWNs`;
  return [
    ...(targetWWNs.length + wwids.length > 0
      ? []
      : [required(path, 'must specify either targetWWNs or wwids, but not both')]),
    ...(targetWWNs.length > 0 && wwids.length > 0
      ? [invalid(path, targetWWNs, 'targetWWNs and wwids can not be specified simultaneously')]
      : []),
    ...(targetWWNs.length > 0 && lun === undefined
      ? [required(`${field}.lun`, 'lun is required if targetWWNs is specified')]
      : []),
    ...(targetWWNs.length > 0 && lun !== undefined
      ? inRange(lun, 0, 255).map((text) => invalid(`${field}.lun`, lun, text))
      : []),
  ];
}

export function validateFlocker(
  { datasetName = '', datasetUUID = '' }: FlockerVolumeSource,
  field: string,
): FieldError[] {
  return [
    ...(datasetName || datasetUUID ? [] : [required(field, 'one of datasetName and datasetUUID is required')]),
    ...(datasetName && datasetUUID
      ? [invalid(field, 'resource', 'datasetName and datasetUUID can not be specified simultaneously')]
      : []),
    ...(datasetName.includes('/') ? [invalid(`${field}.datasetName`, datasetName, "must not contain '/'")] : []),
  ];
}

export function validateQuobyte(
  { registry = '', tenant = '', volume }: QuobyteVolumeSource,
  field: string,
): FieldError[] {
  const pairs = 'must be a host:port pair or multiple pairs separated by commas';
  const wrong = registry.split(',').filter((pair) => !/^([^:[\]]*|\[[^[\]]*\]):[^:]*$/.test(pair));
  const errors =
    registry === ''
      ? [required(`${field}.registry`, pairs)]
      : tenant.length >= 65
        ? [required(`${field}.tenant`, 'must be a UUID and may not exceed a length of 64 characters')]
        : wrong.map(() => invalid(`${field}.registry`, registry, pairs));
  return [...errors, ...(volume ? [] : [required(`${field}.volume`)])];
}

const cachingModes = ['None', 'ReadOnly', 'ReadWrite'];
const diskKinds = ['Dedicated', 'Managed', 'Shared'];
const managedUri = '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}';
const blobUri = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd';

export function validateAzureDisk(disk: AzureDiskVolumeSource, field: string): FieldError[] {
  const { cachingMode, kind, diskURI = '' } = disk;
  const [start, form] = kind === 'Managed' ? ['/subscriptions/', managedUri] : ['https://', blobUri];
  return [
    ...needs(disk, field, 'diskName', 'diskURI'),
    ...(cachingMode === undefined || cachingModes.includes(cachingMode)
      ? []
      : [notSupported(`${field}.cachingMode`, cachingMode, cachingModes)]),
    ...(kind === undefined || diskKinds.includes(kind) ? [] : [notSupported(`${field}.kind`, kind, diskKinds)]),
    ...(kind === undefined || diskURI.startsWith(start)
      ? []
      : [notSupportedPlain(`${field}.diskURI`, diskURI, [form])]),
  ];
}

interface StorageOs {
  readonly volumeName?: string;
  readonly volumeNamespace?: string;
  readonly secretRef?: object;
}

export function validateStorageOs(source: StorageOs, field: string, ...secret: readonly string[]): FieldError[] {
  const label = (name: 'volumeName' | 'volumeNamespace') => {
    const value = source[name];
    return value ? dns1123Label(value).map((text) => invalid(`${field}.${name}`, value, text)) : [];
  };
  return [
    ...needs(source, field, 'volumeName'),
    ...label('volumeName'),
    ...label('volumeNamespace'),
    ...(source.secretRef ? needs(source.secretRef, `${field}.secretRef`, ...secret) : []),
  ];
}

export function validateFlex(flex: NonNullable<Volume['flexVolume']>, field: string): FieldError[] {
  const reserved = Object.keys(flex.options ?? {}).filter((key) => /\.(kubernetes|k8s)\.io$/.test(domainOf(key)));
  return [
    ...needs(flex, field, 'driver'),
    ...reserved.map((key) =>
      invalid(`${field}.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved'),
    ),
  ];
}

/** What owns an option's name, with a dot before. */
function domainOf(key: string): string {
  return `.${(key.split('/', 2).length > 1 ? (key.split('/')[0] as string) : key).toLowerCase()}`;
}

/** What serves a volume, and the secret that it takes. */
export function validateWithSecret(
  source: { readonly secretRef?: object },
  field: string,
  { fields, secret }: { readonly fields: readonly string[]; readonly secret: readonly string[] },
): FieldError[] {
  return [
    ...needs(source, field, ...fields),
    ...(source.secretRef ? needs(source.secretRef, `${field}.secretRef`, ...secret) : []),
  ];
}
