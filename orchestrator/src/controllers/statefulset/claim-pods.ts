import { isNotFound, type KubeClient, type Pod, resources, Selector, type StatefulSet } from '@berth/kube';
import { controllerRef, ordinalOf } from './identity.ts';

/**
 * The pods that are the set's: those it controls and selects; orphans that match are adopted, controlled ones that no
 * longer match are released (controller_ref_manager.go).
 */
export async function claimPods(client: KubeClient, set: StatefulSet, candidates: readonly Pod[]): Promise<Pod[]> {
  const selector = Selector.fromObject(set.spec?.selector);
  const claimed: Pod[] = [];
  for (const pod of candidates) {
    const controller = pod.metadata.ownerReferences?.find((owner) => owner.controller);
    const matches = selector.matches(pod.metadata.labels) && ordinalOf(set, pod) >= 0;
    if (controller?.uid === set.metadata.uid) {
      if (matches) claimed.push(pod);
      else if (!pod.metadata.deletionTimestamp && !set.metadata.deletionTimestamp) await release(client, set, pod);
    } else if (!controller && matches && !pod.metadata.deletionTimestamp && !set.metadata.deletionTimestamp) {
      const adopted = await adopt(client, set, pod);
      if (adopted) claimed.push(adopted);
    }
  }
  return claimed;
}

async function adopt(client: KubeClient, set: StatefulSet, pod: Pod): Promise<Pod | undefined> {
  const live = await client.find(resources.statefulsets, {
    namespace: set.metadata.namespace,
    name: set.metadata.name as string,
  });
  if (!live || live.metadata.uid !== set.metadata.uid || live.metadata.deletionTimestamp) return undefined;
  return patchOwners(client, pod, [...(pod.metadata.ownerReferences ?? []), controllerRef(set)]);
}

async function release(client: KubeClient, set: StatefulSet, pod: Pod): Promise<void> {
  await patchOwners(
    client,
    pod,
    (pod.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== set.metadata.uid),
  );
}

async function patchOwners(
  client: KubeClient,
  { metadata }: Pod,
  ownerReferences: unknown[],
): Promise<Pod | undefined> {
  const patch = { metadata: { uid: metadata.uid, resourceVersion: metadata.resourceVersion, ownerReferences } };
  try {
    return await client.patch(
      resources.pods,
      { namespace: metadata.namespace, name: metadata.name as string },
      { type: 'merge', patch },
    );
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
