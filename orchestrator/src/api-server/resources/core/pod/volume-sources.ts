import {
  type CSIVolumeSource,
  type EphemeralVolumeSource,
  goQuote,
  type ISCSIVolumeSource,
  type Volume,
} from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { forbidden, invalid, notSupported, required } from '../../field.ts';
import { templateMetadataErrors } from '../../internal-form.ts';
import { validateLabels } from '../../label-selector.ts';
import { validateAnnotations } from '../../metadata.ts';
import { dns1123Label, dns1123Subdomain, inRange } from '../../names.ts';
import { absolutePath, noBacksteps } from '../../paths.ts';
import { compareQuantities } from '../../quantity.ts';
import { validateClaimSpec } from '../claim-spec.ts';
import { fileModeErrors, validateDownwardFiles, validateKeyToPaths, validateProjected } from './file-volumes.ts';
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
} from './legacy-sources.ts';

const pullPolicies = ['Always', 'IfNotPresent', 'Never'];

type Check = (volume: Volume, field: string) => readonly FieldError[];

const need =
  (...names: readonly string[]) =>
  (source: object, field: string): FieldError[] =>
    needs(source, field, ...names);

/** Sources in the order upstream looks at them: the second of two is the one that is forbidden. */
const sources: readonly (readonly [keyof Volume, Check, string?])[] = [
  ['emptyDir', ({ emptyDir }, field) => emptyDirErrors(emptyDir?.sizeLimit, field)],
  ['hostPath', ({ hostPath }, field) => validateHostPath(hostPath!, field)],
  ['gitRepo', ({ gitRepo }, field) => need('repository')(gitRepo!, field)],
  [
    'gcePersistentDisk',
    ({ gcePersistentDisk }, field) =>
      validateDisk(gcePersistentDisk!, field.replace(/gcePersistentDisk$/, 'persistentDisk'), 'pdName'),
  ],
  ['awsElasticBlockStore', ({ awsElasticBlockStore }, field) => validateDisk(awsElasticBlockStore!, field, 'volumeID')],
  ['secret', ({ secret }, field) => [...need('secretName')(secret!, field), ...validateFiles(secret!, field)]],
  [
    'nfs',
    ({ nfs }, field) => [...need('server', 'path')(nfs!, field), ...absolutePath(nfs!.path ?? '', `${field}.path`)],
  ],
  [
    'iscsi',
    ({ iscsi, name }, field) => [
      ...validateIscsi(iscsi!, field, { start: ' starting with iqn, eui, or naa' }),
      ...(isLongTarget(iscsi!, name) ? [invalid(field.replace(/iscsi$/, 'name'), name, longTarget)] : []),
    ],
  ],
  ['glusterfs', ({ glusterfs }, field) => need('endpoints', 'path')(glusterfs!, field)],
  ['flocker', ({ flocker }, field) => validateFlocker(flocker!, field)],
  ['persistentVolumeClaim', ({ persistentVolumeClaim }, field) => need('claimName')(persistentVolumeClaim!, field)],
  ['rbd', ({ rbd }, field) => need('monitors', 'image')(rbd!, field)],
  ['cinder', ({ cinder }, field) => validateWithSecret(cinder!, field, { fields: ['volumeID'], secret: ['name'] })],
  ['cephfs', ({ cephfs }, field) => need('monitors')(cephfs!, field), 'cephFS'],
  ['quobyte', ({ quobyte }, field) => validateQuobyte(quobyte!, field)],
  // The misspelt path is upstream's.
  ['downwardAPI', ({ downwardAPI }, field) => validateDownward(downwardAPI!, field), 'downwarAPI'],
  ['fc', ({ fc }, field) => validateFibreChannel(fc!, field)],
  ['flexVolume', ({ flexVolume }, field) => validateFlex(flexVolume!, field)],
  ['configMap', ({ configMap }, field) => [...need('name')(configMap!, field), ...validateFiles(configMap!, field)]],
  ['azureFile', ({ azureFile }, field) => need('secretName', 'shareName')(azureFile!, field)],
  ['vsphereVolume', ({ vsphereVolume }, field) => need('volumePath')(vsphereVolume!, field)],
  ['photonPersistentDisk', ({ photonPersistentDisk }, field) => need('pdID')(photonPersistentDisk!, field)],
  ['portworxVolume', ({ portworxVolume }, field) => need('volumeID')(portworxVolume!, field)],
  ['azureDisk', ({ azureDisk }, field) => validateAzureDisk(azureDisk!, field)],
  ['storageos', ({ storageos }, field) => validateStorageOs(storageos!, field, 'name')],
  ['projected', ({ projected }, field) => validateProjected(projected!, field)],
  ['scaleIO', ({ scaleIO }, field) => need('gateway', 'system', 'volumeName')(scaleIO!, field)],
  ['csi', ({ csi }, field) => validateCsiVolume(csi!, field)],
  ['ephemeral', ({ ephemeral }, field) => validateEphemeral(ephemeral!, field)],
  [
    'image',
    ({ image }, field) => [
      ...(image!.reference ? [] : [required(`${field}.reference`)]),
      ...(pullPolicies.includes(image!.pullPolicy as string)
        ? []
        : [notSupported(`${field}.pullPolicy`, image!.pullPolicy as string, pullPolicies)]),
    ],
  ],
];

/** Exactly one source, and that one well-formed (validateVolumeSource). */
export function validateVolumeSource(volume: Volume, field: string, podName: string): FieldError[] {
  const errors: FieldError[] = [];
  let count = 0;
  for (const [name, check, forbiddenName] of sources) {
    if (volume[name] === undefined) continue;
    count += 1;
    const path = `${field}.${name}`;
    if (count > 1)
      errors.push(forbidden(`${field}.${forbiddenName ?? name}`, 'may not specify more than 1 volume type'));
    else errors.push(...check(volume, path));
  }
  if (count === 0) errors.push(required(field, 'must specify a volume type'));
  if (volume.ephemeral && count === 1 && podName !== '' && volume.name) {
    const claim = `${podName}-${volume.name}`;
    for (const text of dns1123Subdomain(claim))
      errors.push(invalid(`${field}.name`, volume.name, `PVC name ${goQuote(claim)}: ${text}`));
  }
  return errors;
}

function emptyDirErrors(sizeLimit: string | undefined, field: string): FieldError[] {
  if (sizeLimit === undefined || compareQuantities(sizeLimit, 0) >= 0) return [];
  return [forbidden(`${field}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')];
}

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

export function validateHostPath({ path, type }: { path?: string; type?: string }, field: string): FieldError[] {
  if (!path) return [required(`${field}.path`)];
  return [
    ...noBacksteps(path, `${field}.path`),
    ...(type === undefined || hostPathTypes.includes(type) ? [] : [notSupported(`${field}.type`, type, hostPathTypes)]),
  ];
}

function validateFiles(
  source: { defaultMode?: number; items?: { key: string; path: string; mode?: number }[] },
  field: string,
): FieldError[] {
  return [
    ...fileModeErrors(source.defaultMode, `${field}.defaultMode`),
    ...validateKeyToPaths(source.items, `${field}.items`),
  ];
}

function validateDownward(source: NonNullable<Volume['downwardAPI']>, field: string): FieldError[] {
  return [
    ...fileModeErrors(source.defaultMode, `${field}.defaultMode`),
    ...validateDownwardFiles(source.items ?? [], field),
  ];
}

/** Of a volume and its portal, with an initiator of its own. */
const longestTarget = 64;
const longTarget = `Total length of <volume name>:<iscsi.targetPortal> must be under ${longestTarget} characters if iscsi.initiatorName is specified.`;

function isLongTarget({ initiatorName, targetPortal = '' }: Partial<ISCSIVolumeSource>, volume: string): boolean {
  return initiatorName !== undefined && Buffer.byteLength(`${volume}:${targetPortal}`) > longestTarget;
}

interface IscsiContext {
  /** What more is said of names of other kinds than there are; pods alone say it. */
  readonly start?: string;
  /** The name of the PersistentVolume, which alone is asked for its secret's. */
  readonly volume?: string;
}

/** @see validateISCSIVolumeSource, validateISCSIPersistentVolumeSource of Kubernetes. */
export function validateIscsi(
  iscsi: ISCSIVolumeSource,
  field: string,
  { start = '', volume }: IscsiContext,
): FieldError[] {
  const { targetPortal = '', iqn, initiatorName, secretRef } = iscsi;
  return [
    ...(targetPortal ? [] : [required(`${field}.targetPortal`)]),
    ...(volume !== undefined && isLongTarget(iscsi, volume)
      ? [invalid(`${field}.targetportal`, targetPortal, longTarget)]
      : []),
    ...(iqn ? iqnErrors(iqn, `${field}.iqn`, start) : [required(`${field}.iqn`)]),
    ...inRange(iscsi.lun ?? 0, 0, 255).map((text) => invalid(`${field}.lun`, iscsi.lun, text)),
    ...((iscsi.chapAuthDiscovery || iscsi.chapAuthSession) && !secretRef ? [required(`${field}.secretRef`)] : []),
    ...(volume !== undefined && secretRef && !secretRef.name ? [required(`${field}.secretRef.name`)] : []),
    ...(initiatorName === undefined ? [] : iqnErrors(initiatorName, `${field}.initiatorname`, start)),
  ];
}

const iqnPatterns: Readonly<Record<string, RegExp>> = {
  iqn: /iqn\.\d{4}-\d{2}\.([a-zA-Z0-9.-]+)(:[^,;*&$|\s]+)$/,
  eui: /^eui.[a-zA-Z0-9]{16}$/,
  naa: /^naa.[a-zA-Z0-9]{32}$/,
};

function iqnErrors(iqn: string, field: string, start: string): FieldError[] {
  const pattern = iqnPatterns[iqn.slice(0, 3)];
  if (!pattern) return [invalid(field, iqn, `must be valid format${start}`)];
  return pattern.test(iqn) ? [] : [invalid(field, iqn, 'must be valid format')];
}

function validateCsiVolume(csi: CSIVolumeSource, field: string): FieldError[] {
  const secret = csi.nodePublishSecretRef;
  return [
    ...validateDriverName(csi.driver ?? '', `${field}.driver`),
    ...(secret && !secret.name ? [required(`${field}.nodePublishSecretRef.name`)] : []),
    ...(secret?.name ? dns1123Subdomain(secret.name).map((text) => invalid(`${field}.name`, secret.name, text)) : []),
  ];
}

/** A CSI driver's name: a DNS subdomain in any case, of at most 63 characters (CSI spec §GetPluginInfo). */
export function validateDriverName(name: string, field: string): FieldError[] {
  if (name === '') return [required(field)];
  return [
    ...(Buffer.byteLength(name) > 63
      ? [{ reason: 'FieldValueTooLong' as const, field, message: 'Too long: may not be more than 63 bytes' }]
      : []),
    ...dns1123Subdomain(name.toLowerCase()).map((text) => invalid(field, name, text)),
  ];
}

function validateEphemeral({ volumeClaimTemplate }: EphemeralVolumeSource, field: string): FieldError[] {
  const path = `${field}.volumeClaimTemplate`;
  if (!volumeClaimTemplate) return [required(path)];
  const metadata = volumeClaimTemplate.metadata ?? {};
  return [
    ...validateAnnotations(metadata.annotations, `${path}.metadata.annotations`),
    ...validateLabels(metadata.labels, `${path}.metadata.labels`),
    ...templateMetadataErrors(metadata, `${path}.metadata`),
    ...validateClaimSpec(volumeClaimTemplate.spec, `${path}.spec`),
  ];
}

export function validateSecretReference(ref: { name?: string; namespace?: string }, field: string): FieldError[] {
  return [
    ...(ref.name
      ? dns1123Subdomain(ref.name).map((text) => invalid(`${field}.name`, ref.name, text))
      : [required(`${field}.name`)]),
    ...(ref.namespace
      ? dns1123Label(ref.namespace).map((text) => invalid(`${field}.namespace`, ref.namespace, text))
      : [required(`${field}.namespace`)]),
  ];
}
