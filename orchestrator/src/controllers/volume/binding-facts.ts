import {
  type KubeObject,
  type PersistentVolume,
  type PersistentVolumeClaim,
  Quantity,
  type StorageClass,
} from '@berth/kube';
import { betaStorageClass, selectedNode } from './binding-names.ts';

export function hasAnnotation(object: KubeObject, name: string): boolean {
  return object.metadata.annotations?.[name] !== undefined;
}

/** The class a claim or volume asks for; empty where it asks for none. The beta annotation goes before the field. */
export function classOf(object: PersistentVolume | PersistentVolumeClaim): string {
  return object.metadata.annotations?.[betaStorageClass] ?? object.spec?.storageClassName ?? '';
}

/** True when the volume is reserved for this claim: by name before the claim exists, by UID afterwards. */
export function isBoundToClaim(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const ref = volume.spec?.claimRef;
  if (!ref || ref.name !== claim.metadata.name || ref.namespace !== claim.metadata.namespace) return false;
  return !ref.uid || ref.uid === claim.metadata.uid;
}

/** `namespace/name` of the claim a volume is reserved for. */
export function claimKeyOf(volume: PersistentVolume): string | undefined {
  const ref = volume.spec?.claimRef;
  return ref ? `${ref.namespace}/${ref.name}` : undefined;
}

export function requestedStorage(claim: PersistentVolumeClaim): Quantity {
  return parsed(claim.spec?.resources?.requests?.['storage']);
}

export function capacityOf(volume: PersistentVolume): Quantity {
  return parsed(volume.spec?.capacity?.['storage']);
}

function parsed(text: string | undefined): Quantity {
  return text === undefined ? Quantity.zero : Quantity.parse(text);
}

export function volumeModeOf(object: PersistentVolume | PersistentVolumeClaim): string {
  return object.spec?.volumeMode ?? 'Filesystem';
}

export function includesModes(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const offered = volume.spec?.accessModes ?? [];
  return (claim.spec?.accessModes ?? []).every((mode) => offered.includes(mode));
}

/** True while the class wants the scheduler to choose a node before anything is bound or provisioned. */
export function waitsForConsumer(storageClass: StorageClass | undefined): boolean {
  return storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
}

/** True once the scheduler has chosen a node and provisioning may start. */
export function isNodeSelected(claim: PersistentVolumeClaim): boolean {
  return hasAnnotation(claim, selectedNode);
}
