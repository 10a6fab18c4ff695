import type { CSIPersistentVolumeSource, PersistentVolumeSpec } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { forbidden, invalid, notSupported, required } from '../field.ts';
import { absolutePath, noBacksteps } from '../paths.ts';
import { canonicalQuantity, compareQuantities } from '../quantity.ts';
import { classErrors, validateAccessModes, volumeModes } from './claim-spec.ts';
import { validateNodeSelector } from './node-selector.ts';
import { validateDriverName, validateHostPath, validateIscsi, validateSecretReference } from './pod/volume-sources.ts';

const reclaimPolicies = ['Delete', 'Recycle', 'Retain'];

type Source = (spec: PersistentVolumeSpec, field: string) => readonly FieldError[];

const need =
  (name: keyof PersistentVolumeSpec, ...fields: readonly string[]): Source =>
  (spec, field) =>
    fields.flatMap((key) =>
      ((spec[name] ?? {}) as Record<string, unknown>)[key] ? [] : [required(`${field}.${name}.${key}`)],
    );

/** Volume types in the order upstream looks at them. */
const sources: readonly (readonly [keyof PersistentVolumeSpec, Source])[] = [
  ['hostPath', ({ hostPath }, field) => validateHostPath(hostPath!, `${field}.hostPath`)],
  ['gcePersistentDisk', need('gcePersistentDisk', 'pdName')],
  ['awsElasticBlockStore', need('awsElasticBlockStore', 'volumeID')],
  ['glusterfs', need('glusterfs', 'endpoints', 'path')],
  ['flocker', () => []],
  [
    'nfs',
    (spec, field) => [
      ...need('nfs', 'server', 'path')(spec, field),
      ...absolutePath(spec.nfs?.path ?? '', `${field}.nfs.path`),
    ],
  ],
  ['rbd', need('rbd', 'monitors', 'image')],
  ['quobyte', need('quobyte', 'registry', 'volume')],
  ['cephfs', need('cephfs', 'monitors')],
  ['iscsi', ({ iscsi }, field) => validateIscsi(iscsi as Parameters<typeof validateIscsi>[0], `${field}.iscsi`)],
  ['cinder', need('cinder', 'volumeID')],
  ['fc', () => []],
  ['flexVolume', need('flexVolume', 'driver')],
  ['azureFile', need('azureFile', 'secretName', 'shareName')],
  ['vsphereVolume', need('vsphereVolume', 'volumePath')],
  ['photonPersistentDisk', need('photonPersistentDisk', 'pdID')],
  ['portworxVolume', need('portworxVolume', 'volumeID')],
  ['azureDisk', need('azureDisk', 'diskName', 'diskURI')],
  ['scaleIO', need('scaleIO', 'gateway', 'system', 'volumeName')],
  ['local', (spec, field) => localErrors(spec, field)],
  ['storageos', need('storageos', 'volumeName')],
  ['csi', ({ csi }, field) => csiErrors(csi as CSIPersistentVolumeSource, `${field}.csi`)],
];

/** Names of the fields that say where a volume's data is. */
export const volumeSources: ReadonlySet<string> = new Set(sources.map(([name]) => name));

/** A volume's spec; `inline` ones stand in a VolumeAttachment and must be CSI (ValidatePersistentVolumeSpec). */
export function validateVolumeSpec(spec: PersistentVolumeSpec, field: string, inline = false): FieldError[] {
  const { accessModes = [], persistentVolumeReclaimPolicy: policy, volumeMode } = spec;
  return [
    ...(inline ? inlineErrors(spec, field) : []),
    ...(accessModes.length > 0 ? [] : [required(`${field}.accessModes`)]),
    ...validateAccessModes(accessModes, `${field}.accessModes`),
    ...(inline ? [] : capacityErrors(spec.capacity ?? {}, `${field}.capacity`)),
    ...(policy === undefined || inline || reclaimPolicies.includes(policy)
      ? []
      : [notSupported(`${field}.persistentVolumeReclaimPolicy`, policy, reclaimPolicies)]),
    ...affinityErrors(spec, `${field}.nodeAffinity`),
    ...sourceErrors(spec, field),
    ...recycleErrors(spec, field),
    ...(inline ? [] : classErrors(spec.storageClassName, `${field}.storageClassName`)),
    ...(volumeMode === undefined || inline || volumeModes.includes(volumeMode)
      ? []
      : [notSupported(`${field}.volumeMode`, volumeMode, volumeModes)]),
    ...attributesClassErrors(spec, field),
  ];
}

function inlineErrors(spec: PersistentVolumeSpec, field: string): FieldError[] {
  const text = 'in the context of inline volumes';
  return [
    ...(spec.claimRef ? [forbidden(`${field}.claimRef`, `may not be specified ${text}`)] : []),
    ...(spec.capacity ? [forbidden(`${field}.capacity`, `may not be specified ${text}`)] : []),
    ...(spec.csi ? [] : [required(`${field}.csi`, `has to be specified ${text}`)]),
    ...(spec.persistentVolumeReclaimPolicy === undefined || spec.persistentVolumeReclaimPolicy === 'Retain'
      ? []
      : [forbidden(`${field}.persistentVolumeReclaimPolicy`, `may only be Retain ${text}`)]),
    ...(spec.storageClassName ? [forbidden(`${field}.storageClassName`, `may not be specified ${text}`)] : []),
    ...(spec.volumeMode === undefined || spec.volumeMode === 'Filesystem'
      ? []
      : [forbidden(`${field}.volumeMode`, `may not specify volumeMode other than Filesystem ${text}`)]),
  ];
}

function capacityErrors(capacity: Readonly<Record<string, string>>, field: string): FieldError[] {
  const names = Object.keys(capacity);
  return [
    ...(names.length > 0 ? [] : [required(field)]),
    ...(names.length === 1 && names[0] === 'storage' ? [] : [notSupported(field, capacity, ['storage'])]),
    ...Object.entries(capacity).flatMap(([name, value]) => {
      const path = `${field}[${name}]`;
      const text = canonicalQuantity(value);
      return [
        ...(compareQuantities(value, 0) < 0 ? [invalid(path, Number(text), 'must be a valid resource quantity')] : []),
        ...(compareQuantities(value, 0) > 0 ? [] : [invalid(path, text, 'must be greater than zero')]),
      ];
    }),
  ];
}

function affinityErrors({ nodeAffinity }: PersistentVolumeSpec, field: string): FieldError[] {
  if (!nodeAffinity) return [];
  if (!nodeAffinity.required) return [required(`${field}.required`, 'must specify required node constraints')];
  return validateNodeSelector(nodeAffinity.required, `${field}.required`);
}

function sourceErrors(spec: PersistentVolumeSpec, field: string): FieldError[] {
  const present = sources.filter(([name]) => spec[name] !== undefined);
  if (present.length === 0) return [required(field, 'must specify a volume type')];
  return present.flatMap(([name, check], index) =>
    index === 0 ? check(spec, field) : [forbidden(`${field}.${name}`, 'may not specify more than 1 volume type')],
  );
}

function localErrors({ local, nodeAffinity }: PersistentVolumeSpec, field: string): FieldError[] {
  const path = `${field}.local.path`;
  return [
    ...(local?.path ? noBacksteps(local.path, path) : [required(path)]),
    ...(nodeAffinity ? [] : [required(`${field}.nodeAffinity`, 'Local volume requires node affinity')]),
  ];
}

function csiErrors(csi: CSIPersistentVolumeSource, field: string): FieldError[] {
  const secrets = [
    'controllerPublishSecretRef',
    'controllerExpandSecretRef',
    'nodePublishSecretRef',
    'nodeExpandSecretRef',
  ] as const;
  return [
    ...validateDriverName(csi.driver ?? '', `${field}.driver`),
    ...(csi.volumeHandle ? [] : [required(`${field}.volumeHandle`)]),
    ...secrets.flatMap((name) => (csi[name] ? validateSecretReference(csi[name], `${field}.${name}`) : [])),
  ];
}

/** Recycling empties a directory: never the host's root. */
function recycleErrors(spec: PersistentVolumeSpec, field: string): FieldError[] {
  const path = spec.hostPath?.path;
  if (path === undefined || spec.persistentVolumeReclaimPolicy !== 'Recycle') return [];
  if (!/^\/(\/|\.\/?)*$/.test(path)) return [];
  return [forbidden(`${field}.persistentVolumeReclaimPolicy`, "may not be 'recycle' for a hostPath mount of '/'")];
}

function attributesClassErrors(spec: PersistentVolumeSpec, field: string): FieldError[] {
  const name = spec.volumeAttributesClassName;
  if (name === undefined) return [];
  const path = `${field}.volumeAttributesClassName`;
  return [
    ...(name ? classErrors(name, path) : [required(path, 'an empty string is disallowed')]),
    ...(spec.csi ? [] : [required(`${field}.csi`, 'has to be specified when using volumeAttributesClassName')]),
  ];
}
