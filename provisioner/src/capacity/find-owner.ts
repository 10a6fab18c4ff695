import {
  apiVersionOf,
  controllerOf,
  type KubeClient,
  type KubeObject,
  type OwnerReference,
  type ResourceType,
  resources,
} from '@berth/kube';

export interface OwnerWish {
  readonly namespace: string;
  readonly podName: string;
  /** 0: the pod; 1: its controller, such as a DaemonSet; 2: that one's, such as a Deployment. Negative: nobody. */
  readonly level: number;
}

/** What may control pods, or what controls them. */
const kinds: readonly ResourceType[] = [
  resources.pods,
  resources.replicasets,
  resources.statefulsets,
  resources.daemonsets,
  resources.deployments,
];

/**
 * Who owns what a pod makes, so that it goes with it (external-provisioner, owner.go).
 * @throws ApiError – one of them is not there, or may not be read; RangeError – there are not so many.
 */
export async function findOwner(
  client: KubeClient,
  { namespace, podName, level }: OwnerWish,
  signal: AbortSignal,
): Promise<OwnerReference | undefined> {
  if (level < 0) return undefined;
  let type: ResourceType = resources.pods;
  let object: KubeObject = await client.get(type, { namespace, name: podName }, signal);
  for (let up = 0; up < level; up++) {
    const owner = controllerOf(object);
    const next = kinds.find((one) => one.kind === owner?.kind && apiVersionOf(one) === owner.apiVersion);
    if (!owner || !next)
      throw new RangeError(
        `--capacity-ownerref-level ${level}: ${type.kind} "${object.metadata.name}" has no controller that owns it`,
      );
    type = next;
    object = await client.get(type, { namespace, name: owner.name }, signal);
  }
  const { name = '', uid = '' } = object.metadata;
  return { apiVersion: apiVersionOf(type), kind: type.kind, name, uid, controller: true };
}
