import { type Informers, type Pod, resources } from '@berth/kube';

const byClaim = 'volume/claim';

/** `namespace/name` of every claim a pod's volumes name, generic ephemeral ones included. */
export function claimKeysOf(pod: Pod): string[] {
  const { namespace } = pod.metadata;
  return (pod.spec?.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim) return [`${namespace}/${persistentVolumeClaim.claimName}`];
    return ephemeral ? [`${namespace}/${ephemeralClaimName(pod, name)}`] : [];
  });
}

/** The claim made for a generic ephemeral volume (component-helpers storage/ephemeral). */
export function ephemeralClaimName(pod: Pod, volumeName: string): string {
  return `${pod.metadata.name}-${volumeName}`;
}

/** Keeps the index that {@link podsOf} and {@link unscheduledPodsOf} read. Call it before the informer is used. */
export function indexPodsByClaim(informers: Informers): void {
  informers.of(resources.pods).addIndex(byClaim, claimKeysOf);
}

export function podsOf(informers: Informers, claimKey: string): Pod[] {
  return informers.of(resources.pods).byIndex(byClaim, claimKey);
}

export function unscheduledPodsOf(informers: Informers, claimKey: string): Pod[] {
  return podsOf(informers, claimKey).filter((pod) => !pod.spec?.nodeName);
}
