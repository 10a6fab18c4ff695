import { isAlreadyExists, type KubeClient, type KubeObject, type ResourceType, resources } from '@berth/kube';

const driver = 'csi.berth.local';

/**
 * What a cluster needs to use our driver: its CSIDriver object, and a class that claims without one get. Schedulers are to
 * look at the room there is where `tellsCapacity`: where somebody tells it.
 */
export async function ensureStorageObjects(client: KubeClient, tellsCapacity: boolean): Promise<void> {
  const before = await client.find(resources.csidrivers, { name: driver });
  if (before && (before.spec.storageCapacity ?? false) !== tellsCapacity) {
    await client.update(resources.csidrivers, { ...before, spec: { ...before.spec, storageCapacity: tellsCapacity } });
  }
  await ensure(client, resources.csidrivers, {
    metadata: { name: driver },
    spec: {
      attachRequired: false,
      // With it comes the word that a volume is an inline one.
      podInfoOnMount: true,
      fsGroupPolicy: 'File',
      ...(tellsCapacity ? { storageCapacity: true } : {}),
      volumeLifecycleModes: ['Persistent', 'Ephemeral'],
    },
  });
  await ensure(client, resources.storageclasses, {
    metadata: { name: 'berth', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: driver,
    reclaimPolicy: 'Delete',
    allowVolumeExpansion: true,
    volumeBindingMode: 'WaitForFirstConsumer',
  });
}

/** Made once; what a user changed since stays. */
async function ensure<T extends KubeObject>(client: KubeClient, type: ResourceType<T>, object: T): Promise<void> {
  if (await client.find(type, { name: object.metadata.name as string })) return;
  try {
    await client.create(type, object);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
