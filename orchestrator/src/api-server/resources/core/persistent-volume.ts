import { rfc3339 } from '@berth/kit';
import {
  copyJson,
  type PersistentVolume,
  type PersistentVolumeSpec,
  type PersistentVolumeStatus,
  type VolumeNodeAffinity,
} from '@berth/kube';
import type { AnyObject, FieldError, RequestContext } from '../../resource-definition.ts';
import { semanticEqual } from '../equality.ts';
import { forbidden, invalid } from '../field.ts';
import { shownVolumeAffinity, specDiff } from '../internal-form.ts';
import { immutable, validateObjectMeta } from '../metadata.ts';
import type { KindRules } from '../rules.ts';
import { accessModes } from './access-modes.ts';
import { validateVolumeSpec, volumeSources } from './persistent-volume-spec.ts';
import { defaultAzureDisk, defaultRbd } from './pod/volume-defaults.ts';

const betaClass = 'volume.beta.kubernetes.io/storage-class';
const mountOptions = 'volume.beta.kubernetes.io/mount-options';
/** In-tree types that the annotation for mount options is for. */
const withMountOptions = [
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'nfs',
  'rbd',
  'quobyte',
  'iscsi',
  'cinder',
  'cephfs',
  'azureFile',
  'vsphereVolume',
  'azureDisk',
  'photonPersistentDisk',
] as const;

/** Volumes: kubernetes registry/core/persistentvolume/strategy.go. */
export const volumeRules: KindRules = {
  cells: {
    Capacity: ({ spec }) => spec?.capacity?.storage ?? '0',
    'Access Modes': ({ spec }) => accessModes(spec?.accessModes),
    'Reclaim Policy': ({ spec }) => spec?.persistentVolumeReclaimPolicy ?? '',
    Status: ({ metadata, status }) => (metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? '')),
    Claim: ({ spec }) => (spec?.claimRef ? `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}` : ''),
    StorageClass: ({ metadata, spec }) => metadata.annotations?.[betaClass] ?? spec?.storageClassName ?? '',
    VolumeAttributesClass: ({ spec }) => spec?.volumeAttributesClassName ?? '<unset>',
    Reason: ({ status }) => status?.reason ?? '',
    VolumeMode: ({ spec }) => spec?.volumeMode ?? '<unset>',
  },
  rules: {
    default: (object) => defaultVolume(object as PersistentVolume),
    prepareForCreate: (object, { now }) => {
      object['status'] = { phase: 'Pending', lastPhaseTransitionTime: rfc3339(now) };
    },
    prepareForStatusUpdate,
    validate: (object) => [
      ...validateVolumeSpec((object as PersistentVolume).spec as PersistentVolumeSpec, 'spec', {
        name: object.metadata.name ?? '',
      }),
      ...mountOptionErrors(object as PersistentVolume),
    ],
    validateUpdate,
  },
};

function defaultVolume(volume: PersistentVolume): void {
  volume.status ??= {};
  volume.status.phase ??= 'Pending';
  volume.spec ??= {};
  const spec = volume.spec;
  spec.persistentVolumeReclaimPolicy ??= 'Retain';
  spec.volumeMode ??= 'Filesystem';
  defaultVolumeSource(spec);
}

/** What the sources of volumes and of attachments' inline volumes have where they don't say. */
export function defaultVolumeSource(spec: PersistentVolumeSpec): void {
  if (spec.hostPath) spec.hostPath.type ??= '';
  if (spec.rbd) defaultRbd(spec.rbd);
  if (spec.iscsi) spec.iscsi.iscsiInterface ||= 'default';
  if (spec.azureDisk) defaultAzureDisk(spec.azureDisk);
  if (spec.scaleIO) spec.scaleIO.storageMode ||= 'ThinProvisioned';
  if (spec.scaleIO) spec.scaleIO.fsType ||= 'xfs';
}

function prepareForStatusUpdate(next: AnyObject, old: AnyObject, { now }: RequestContext): void {
  const status: PersistentVolumeStatus = next['status'];
  const before = (old as PersistentVolume).status ?? {};
  const time = status.lastPhaseTransitionTime;
  if (status.phase === before.phase) {
    if (!time && before.lastPhaseTransitionTime) status.lastPhaseTransitionTime = before.lastPhaseTransitionTime;
  } else if (!time || time === before.lastPhaseTransitionTime) status.lastPhaseTransitionTime = rfc3339(now);
}

function mountOptionErrors({ metadata, spec = {} }: PersistentVolume): FieldError[] {
  if (metadata.annotations?.[mountOptions] === undefined || withMountOptions.some((name) => spec[name])) return [];
  return [forbidden(`metadata.annotations.${mountOptions}`, 'may not specify mount options for this volume type')];
}

function validateUpdate(next: AnyObject, old: AnyObject): FieldError[] {
  const spec = (next as PersistentVolume).spec as PersistentVolumeSpec;
  const before = (old as PersistentVolume).spec as PersistentVolumeSpec;
  const source = sourceOf(spec);
  const oldSource = sourceOf(before);
  // A secret for expansion may be added to a volume that was made without.
  if (oldSource.csi && source.csi && !oldSource.csi.controllerExpandSecretRef) {
    const { controllerExpandSecretRef: _, ...csi } = source.csi;
    source.csi = csi;
  }
  const changed = 'spec.persistentvolumesource is immutable after creation';
  return [
    // Upstream looks at the whole volume twice.
    ...validateObjectMeta(next, false, 'dnsSubdomain'),
    ...validateVolumeSpec(spec, 'spec', { name: next.metadata.name ?? '' }),
    ...(semanticEqual(source, oldSource)
      ? []
      : [
          forbidden(
            'spec.persistentvolumesource',
            `${changed}\n${specDiff('PersistentVolumeSource', oldSource, source)}`,
          ),
        ]),
    ...immutable(spec.volumeMode, before.volumeMode, 'volumeMode'),
    ...affinityErrors(spec.nodeAffinity, before.nodeAffinity),
    ...(before.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined
      ? [forbidden('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden')]
      : []),
  ];
}

/** Labels that nodes once had under other names (validation betaToGALabel). */
const newLabels: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
  'beta.kubernetes.io/instance-type': 'node.kubernetes.io/instance-type',
};

/** Where a volume can be reached from may be said later, not otherwise. */
function affinityErrors(next: VolumeNodeAffinity | undefined, old: VolumeNodeAffinity | undefined): FieldError[] {
  if (!old || semanticEqual(next, old) || semanticEqual(next, renamed(old, next))) return [];
  const text = 'field is immutable, except for updating from beta label to GA';
  return [invalid('nodeAffinity', next && shownVolumeAffinity(next), text)];
}

/** The old affinity with the labels' new names where the new one has them. */
function renamed(old: VolumeNodeAffinity, next: VolumeNodeAffinity | undefined): VolumeNodeAffinity {
  const copy = copyJson(old);
  for (const [index, term] of (copy.required?.nodeSelectorTerms ?? []).entries())
    for (const list of ['matchExpressions', 'matchFields'] as const)
      for (const [at, requirement] of (term[list] ?? []).entries()) {
        const key = next?.required?.nodeSelectorTerms?.[index]?.[list]?.[at]?.key;
        // An unknown label's new name is the empty one, upstream.
        if (key !== undefined && (newLabels[requirement.key] ?? '') === key) requirement.key = key;
      }
  return copy;
}

function sourceOf(spec: PersistentVolumeSpec): PersistentVolumeSpec {
  return Object.fromEntries(Object.entries(spec).filter(([name]) => volumeSources.has(name)));
}
