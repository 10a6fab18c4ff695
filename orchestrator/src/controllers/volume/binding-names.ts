/** Annotations the binder, scheduler and provisioners leave on claims and volumes (component-helpers storage/volume). */
export const bindCompleted = 'pv.kubernetes.io/bind-completed';
export const boundByController = 'pv.kubernetes.io/bound-by-controller';
export const provisionedBy = 'pv.kubernetes.io/provisioned-by';
export const selectedNode = 'volume.kubernetes.io/selected-node';
export const storageProvisioner = 'volume.kubernetes.io/storage-provisioner';
export const betaStorageProvisioner = 'volume.beta.kubernetes.io/storage-provisioner';
export const betaStorageClass = 'volume.beta.kubernetes.io/storage-class';
export const isDefaultClass = 'storageclass.kubernetes.io/is-default-class';
export const betaIsDefaultClass = 'storageclass.beta.kubernetes.io/is-default-class';

/** Finalizers that keep a claim while a pod uses it, a volume while a claim is bound to it, and a class while one of them has it. */
export const claimProtection = 'kubernetes.io/pvc-protection';
export const volumeProtection = 'kubernetes.io/pv-protection';
export const attributesClassProtection = 'kubernetes.io/vac-protection';
