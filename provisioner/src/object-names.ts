/** Annotations and finalizers that sidecars, kube-controller-manager and the scheduler agree on. */
export const provisionedBy = 'pv.kubernetes.io/provisioned-by';
/** A volume attribute: when and by which provisioner the volume was made; beside a node's driver, also on which node. */
export const provisionerIdentity = 'storage.kubernetes.io/csiProvisionerIdentity';
export const deletionSecretName = 'volume.kubernetes.io/provisioner-deletion-secret-name';
export const deletionSecretNamespace = 'volume.kubernetes.io/provisioner-deletion-secret-namespace';
export const storageProvisioner = 'volume.kubernetes.io/storage-provisioner';
export const betaStorageProvisioner = 'volume.beta.kubernetes.io/storage-provisioner';
export const selectedNode = 'volume.kubernetes.io/selected-node';
export const betaStorageClass = 'volume.beta.kubernetes.io/storage-class';
export const volumeFinalizer = 'external-provisioner.volume.kubernetes.io/finalizer';
/** On a claim of which a clone is being made. */
export const cloningProtection = 'provisioner.storage.kubernetes.io/cloning-protection';
/** On a snapshot of which a volume is being made. */
export const snapshotProtection = 'provisioner.storage.kubernetes.io/volumesnapshot-as-source-protection';
export const modifySecretName = 'volume.kubernetes.io/controller-modify-secret-name';
export const modifySecretNamespace = 'volume.kubernetes.io/controller-modify-secret-namespace';
export const attachedNodeId = 'csi.alpha.kubernetes.io/node-id';

/** `external-attacher/hostpath-csi-k8s-io`: a finalizer's name allows less than a driver's (external-attacher util). */
export function attachFinalizer(driverName: string): string {
  const safe = driverName.replaceAll(/[^a-zA-Z0-9-]/g, '-');
  return `external-attacher/${safe}${safe.endsWith('-') ? 'X' : ''}`;
}
