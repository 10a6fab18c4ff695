import {
  type CSIPersistentVolumeSource,
  type PersistentVolume,
  type PersistentVolumeClaim,
  Quantity,
} from '@berth/kube';
import type { csi } from '@berth/protos';
import {
  deletionSecretName,
  deletionSecretNamespace,
  modifySecretName,
  modifySecretNamespace,
  provisionedBy,
  provisionerIdentity,
  volumeFinalizer,
} from '../object-names.ts';
import type { ProvisionerSettings } from '../provisioner-settings.ts';
import type { CreatePlan } from './create-plan.ts';
import { nodeAffinityOf } from './topology.ts';

export interface BuildOptions {
  readonly plan: CreatePlan;
  readonly volume: csi.Volume;
  readonly driverName: string;
  readonly hasTopology: boolean;
  readonly identity: string;
  readonly settings: ProvisionerSettings;
}

/** The PersistentVolume for a volume the driver made, field by field as external-provisioner writes it. */
export function buildVolume(options: BuildOptions): PersistentVolume {
  const { plan, volume, driverName, hasTopology } = options;
  const { claim, storageClass, provisionerSecret, modifySecret } = plan;
  const attributesClass = claim.spec?.volumeAttributesClassName;
  const bytes = BigInt(volume.capacityBytes) === 0n ? plan.sizeBytes : BigInt(volume.capacityBytes);
  const reclaimPolicy = storageClass.reclaimPolicy ?? 'Delete';
  const nodeAffinity = hasTopology ? nodeAffinityOf(volume.accessibleTopology) : undefined;
  return {
    metadata: {
      name: plan.volumeName,
      annotations: {
        [provisionedBy]: driverName,
        [deletionSecretName]: provisionerSecret?.name ?? '',
        [deletionSecretNamespace]: provisionerSecret?.namespace ?? '',
        ...(modifySecret
          ? { [modifySecretName]: modifySecret.name ?? '', [modifySecretNamespace]: modifySecret.namespace ?? '' }
          : {}),
      },
      // A volume that is kept needs nobody to wait for its deletion.
      ...(reclaimPolicy === 'Delete' ? { finalizers: [volumeFinalizer] } : {}),
    },
    spec: {
      capacity: { storage: Quantity.of(bytes, 'BinarySI').toString() },
      accessModes: [...(claim.spec?.accessModes ?? [])],
      claimRef: claimReference(claim),
      persistentVolumeReclaimPolicy: reclaimPolicy,
      storageClassName: storageClass.metadata.name ?? '',
      ...(storageClass.mountOptions ? { mountOptions: [...storageClass.mountOptions] } : {}),
      ...(claim.spec?.volumeMode ? { volumeMode: claim.spec.volumeMode } : {}),
      ...(nodeAffinity ? { nodeAffinity } : {}),
      ...(attributesClass ? { volumeAttributesClassName: attributesClass } : {}),
      csi: source(options),
    },
  };
}

function claimReference(claim: PersistentVolumeClaim) {
  const { namespace = '', name = '', uid = '', resourceVersion = '' } = claim.metadata;
  return { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid, resourceVersion };
}

function source({ plan, volume, driverName, identity, settings }: BuildOptions): CSIPersistentVolumeSource {
  const block = plan.claim.spec?.volumeMode === 'Block';
  const readOnly = settings.controllerPublishReadonly && onlyRead(plan.claim);
  return {
    driver: driverName,
    volumeHandle: volume.volumeId,
    volumeAttributes: { ...volume.volumeContext, [provisionerIdentity]: identity },
    ...(block || plan.fsType === '' ? {} : { fsType: plan.fsType }),
    ...(readOnly ? { readOnly } : {}),
    ...plan.laterSecrets,
  };
}

function onlyRead(claim: PersistentVolumeClaim): boolean {
  const modes = claim.spec?.accessModes ?? [];
  return modes.length > 0 && modes.every((mode) => mode === 'ReadOnlyMany');
}
