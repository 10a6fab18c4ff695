import {
  type CSIPersistentVolumeSource,
  type ISCSIVolumeSource,
  type PersistentVolumeSpec,
  withSentEmpty,
} from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { forbidden, inOrder, invalid, notSupported, required } from '../field.ts';
import { dns1123Label } from '../names.ts';
import { absolutePath, noBacksteps } from '../paths.ts';
import { canonicalQuantity, compareQuantities } from '../quantity.ts';
import { classErrors, validateAccessModes, volumeModes } from './claim-spec.ts';
import { validateNodeSelector } from './node-selector.ts';
import {
  needs,
  validateAzureDisk,
  validateDisk,
  validateFibreChannel,
  validateFlex,
  validateFlocker,
  validateQuobyte,
  validateStorageOs,
  validateWithSecret,
} from './pod/legacy-sources.ts';
import { validateDriverName, validateHostPath, validateIscsi, validateSecretReference } from './pod/volume-sources.ts';

const reclaimPolicies = ['Delete', 'Recycle', 'Retain'];

type Source = (spec: PersistentVolumeSpec, field: string, volume: string) => readonly FieldError[];

const need =
  (name: keyof PersistentVolumeSpec, ...fields: readonly string[]): Source =>
  (spec, field) =>
    needs((spec[name] ?? {}) as object, `${field}.${name}`, ...fields);

/** What has a secret of a namespace. */
const secretNames = ['name', 'namespace'];

/** Volume types in the order upstream looks at them. */
const sources: readonly (readonly [keyof PersistentVolumeSpec, Source])[] = [
  ['hostPath', ({ hostPath }, field) => validateHostPath(hostPath!, `${field}.hostPath`)],
  [
    'gcePersistentDisk',
    ({ gcePersistentDisk }, field) => validateDisk(gcePersistentDisk!, `${field}.persistentDisk`, 'pdName'),
  ],
  [
    'awsElasticBlockStore',
    ({ awsElasticBlockStore }, field) =>
      validateDisk(awsElasticBlockStore!, `${field}.awsElasticBlockStore`, 'volumeID'),
  ],
  ['glusterfs', ({ glusterfs }, field) => glusterErrors(glusterfs!, `${field}.glusterfs`)],
  ['flocker', ({ flocker }, field) => validateFlocker(flocker!, `${field}.flocker`)],
  [
    'nfs',
    (spec, field) => [
      ...needs(spec.nfs ?? {}, `${field}.nfs`, 'server', 'path'),
      ...absolutePath(spec.nfs?.path ?? '', `${field}.nfs.path`),
    ],
  ],
  ['rbd', need('rbd', 'monitors', 'image')],
  ['quobyte', ({ quobyte }, field) => validateQuobyte(quobyte!, `${field}.quobyte`)],
  ['cephfs', need('cephfs', 'monitors')],
  ['iscsi', ({ iscsi }, field, volume) => validateIscsi(iscsi as ISCSIVolumeSource, `${field}.iscsi`, { volume })],
  [
    'cinder',
    ({ cinder }, field) =>
      validateWithSecret(cinder!, `${field}.cinder`, { fields: ['volumeID'], secret: secretNames }),
  ],
  ['fc', ({ fc }, field) => validateFibreChannel(fc!, `${field}.fc`)],
  ['flexVolume', ({ flexVolume }, field) => validateFlex(flexVolume!, `${field}.flexVolume`)],
  [
    'azureFile',
    (spec, field) => [
      ...needs(spec.azureFile ?? {}, `${field}.azureFile`, 'secretName', 'shareName'),
      ...(spec.azureFile?.secretNamespace === '' ? [required(`${field}.azureFile.secretNamespace`)] : []),
    ],
  ],
  ['vsphereVolume', need('vsphereVolume', 'volumePath')],
  ['photonPersistentDisk', need('photonPersistentDisk', 'pdID')],
  ['portworxVolume', need('portworxVolume', 'volumeID')],
  ['azureDisk', ({ azureDisk }, field) => validateAzureDisk(azureDisk!, `${field}.azureDisk`)],
  ['scaleIO', need('scaleIO', 'gateway', 'system', 'volumeName')],
  ['local', (spec, field) => localErrors(spec, field)],
  ['storageos', ({ storageos }, field) => validateStorageOs(storageos!, `${field}.storageos`, ...secretNames)],
  ['csi', ({ csi }, field) => csiErrors(csi as CSIPersistentVolumeSource, `${field}.csi`)],
];

/** Names of the fields that say where a volume's data is. */
export const volumeSources: ReadonlySet<string> = new Set(sources.map(([name]) => name));

/** A volume's spec; `inline` ones stand in a VolumeAttachment and must be CSI (ValidatePersistentVolumeSpec). */
export function validateVolumeSpec(
  spec: PersistentVolumeSpec,
  field: string,
  { inline = false, name = '' } = {},
): FieldError[] {
  const { accessModes = [], persistentVolumeReclaimPolicy: policy, volumeMode } = spec;
  const inlined = inline ? inlineErrors(spec, field) : undefined;
  return [
    ...(inlined?.first ?? []),
    ...(accessModes.length > 0 ? [] : [required(`${field}.accessModes`)]),
    ...validateAccessModes(accessModes, `${field}.accessModes`),
    ...(inlined?.policy ?? [
      ...capacityErrors(spec, `${field}.capacity`),
      ...(policy === undefined || reclaimPolicies.includes(policy)
        ? []
        : [notSupported(`${field}.persistentVolumeReclaimPolicy`, policy, reclaimPolicies)]),
      ...affinityErrors(spec, `${field}.nodeAffinity`),
    ]),
    ...sourceErrors(inline ? withoutAffinity(spec) : spec, field, name),
    ...recycleErrors(spec, field),
    ...(inlined?.last ?? [
      ...classErrors(spec.storageClassName, `${field}.storageClassName`),
      ...(volumeMode === undefined || volumeModes.includes(volumeMode)
        ? []
        : [notSupported(`${field}.volumeMode`, volumeMode, volumeModes)]),
    ]),
    ...(inline ? [] : attributesClassErrors(spec, field)),
  ];
}

/** Where a volume stands in an attachment, in upstream's order: instead of what is asked of other volumes. */
function inlineErrors(spec: PersistentVolumeSpec, field: string) {
  const told = (isSo: boolean, name: string, text: string): FieldError[] =>
    isSo ? [forbidden(`${field}.${name}`, `${text} in the context of inline volumes`)] : [];
  const none = (name: 'claimRef' | 'nodeAffinity' | 'storageClassName') =>
    told(Boolean(spec[name]), name, 'may not be specified');
  const { persistentVolumeReclaimPolicy: policy, volumeMode } = spec;
  return {
    first: [
      ...none('claimRef'),
      ...told(Object.keys(spec.capacity ?? {}).length > 0, 'capacity', 'may not be specified'),
      ...(spec.csi ? [] : [required(`${field}.csi`, 'has to be specified in the context of inline volumes')]),
    ],
    policy: [
      ...told(Boolean(policy) && policy !== 'Retain', 'persistentVolumeReclaimPolicy', 'may only be Retain'),
      ...none('nodeAffinity'),
    ],
    last: [
      ...none('storageClassName'),
      ...told(
        volumeMode !== undefined && volumeMode !== 'Filesystem',
        'volumeMode',
        'may not specify volumeMode other than Filesystem',
      ),
    ],
  };
}

function withoutAffinity({ nodeAffinity: _, ...spec }: PersistentVolumeSpec): PersistentVolumeSpec {
  return spec;
}

function capacityErrors(spec: PersistentVolumeSpec, field: string): FieldError[] {
  const { capacity = {} } = spec;
  const names = Object.keys(capacity);
  return [
    ...(names.length > 0 ? [] : [required(field)]),
    ...(names.length === 1 && names[0] === 'storage'
      ? []
      : [notSupported(field, inOrder(withSentEmpty(spec, 'capacity')), ['storage'])]),
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

function sourceErrors(spec: PersistentVolumeSpec, field: string, volume: string): FieldError[] {
  const present = sources.filter(([name]) => spec[name] !== undefined);
  if (present.length === 0) return [required(field, 'must specify a volume type')];
  return present.flatMap(([name, check], index) =>
    index === 0 || name === 'flexVolume'
      ? check(spec, field, volume)
      : [forbidden(`${field}.${name === 'cephfs' ? 'cephFS' : name}`, 'may not specify more than 1 volume type')],
  );
}

function glusterErrors(gluster: NonNullable<PersistentVolumeSpec['glusterfs']>, field: string): FieldError[] {
  const { endpointsNamespace: namespace } = gluster;
  const path = `${field}.endpointsNamespace`;
  return [
    ...needs(gluster, field, 'endpoints', 'path'),
    ...(namespace === ''
      ? [invalid(path, '', 'if the endpointnamespace is set, it must be a valid namespace name')]
      : dns1123Label(namespace ?? 'default').map((text) => invalid(path, namespace, text))),
  ];
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
