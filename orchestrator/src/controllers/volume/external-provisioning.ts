import {
  copyJson,
  type EventRecorder,
  type Informer,
  type KubeClient,
  type PersistentVolumeClaim,
  resources,
  type StorageClass,
} from '@berth/kube';
import { classOf } from './binding-facts.ts';
import { betaStorageProvisioner, storageProvisioner } from './binding-names.ts';

/** Provisioners of this prefix were part of Kubernetes; none is left that provisions. */
const inTreePrefix = 'kubernetes.io/';

export interface ProvisioningOptions {
  readonly claim: PersistentVolumeClaim;
  readonly classes: Informer<StorageClass>;
  readonly client: KubeClient;
  readonly events: EventRecorder;
}

/** Names the class's provisioner on the claim and says who is waited for; the claim as written, if it was. */
export async function requestProvisioning(
  { claim, classes, client, events }: ProvisioningOptions,
  signal: AbortSignal,
): Promise<PersistentVolumeClaim | undefined> {
  const className = classOf(claim);
  const provisioner = classes.get(className)?.provisioner;
  if (provisioner === undefined) {
    const message = `storageclass.storage.k8s.io "${className}" not found`;
    events.event(claim, 'Warning', 'ProvisioningFailed', message);
    return undefined;
  }
  if (provisioner.startsWith(inTreePrefix)) {
    events.event(claim, 'Warning', 'ProvisioningFailed', `no volume plugin matched name: ${provisioner}`);
    return undefined;
  }
  const written = await nameProvisioner({ claim, client }, provisioner, signal);
  events.event(
    claim,
    'Normal',
    'ExternalProvisioning',
    `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`,
  );
  return written;
}

async function nameProvisioner(
  { claim, client }: { claim: PersistentVolumeClaim; client: KubeClient },
  provisioner: string,
  signal: AbortSignal,
): Promise<PersistentVolumeClaim | undefined> {
  if (claim.metadata.annotations?.[storageProvisioner] === provisioner) return undefined;
  const next = copyJson(claim);
  next.metadata.annotations = {
    ...next.metadata.annotations,
    [betaStorageProvisioner]: provisioner,
    [storageProvisioner]: provisioner,
  };
  return client.update(resources.persistentvolumeclaims, next, {}, signal);
}
