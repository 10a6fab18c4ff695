import { type Informer, type KubeClient, type PersistentVolumeClaim, resources, type StorageClass } from '@berth/kube';
import { hasAnnotation } from './binding-facts.ts';
import { betaIsDefaultClass, betaStorageClass, isDefaultClass } from './binding-names.ts';

export function isDefault(storageClass: StorageClass): boolean {
  const { annotations } = storageClass.metadata;
  return annotations?.[isDefaultClass] === 'true' || annotations?.[betaIsDefaultClass] === 'true';
}

/** The newest of the classes marked as default; of equally old ones the first by name (volume/util GetDefaultClass). */
export function defaultClass(classes: readonly StorageClass[]): StorageClass | undefined {
  return classes.filter(isDefault).sort((a, b) => {
    const [older, newer] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
    if (older !== newer) return older < newer ? 1 : -1;
    return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;
  })[0];
}

/** Gives a claim made before there was a default class the default there is now; undefined where nothing is to do. */
export async function assignDefaultClass(
  options: {
    readonly claim: PersistentVolumeClaim;
    readonly classes: Informer<StorageClass>;
    readonly client: KubeClient;
  },
  signal: AbortSignal,
): Promise<PersistentVolumeClaim | undefined> {
  const { claim, classes, client } = options;
  if (claim.spec?.storageClassName !== undefined || hasAnnotation(claim, betaStorageClass)) return undefined;
  const name = defaultClass(classes.list())?.metadata.name;
  if (name === undefined) return undefined;
  const next = structuredClone(claim);
  next.spec = { ...next.spec, storageClassName: name };
  return client.update(resources.persistentvolumeclaims, next, {}, signal);
}
