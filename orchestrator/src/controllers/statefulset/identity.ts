import { exactIntegers } from '@berth/kit';
import { copyJson, type PersistentVolumeClaim, type Pod, type StatefulSet } from '@berth/kube';

export const labels = {
  podName: 'statefulset.kubernetes.io/pod-name',
  podIndex: 'apps.kubernetes.io/pod-index',
  revision: 'controller-revision-hash',
} as const;

/** The ordinal in `web-7` when the pod's name says it belongs to `set`; -1 otherwise. */
export function ordinalOf(set: StatefulSet, pod: Pod): number {
  const match = /^(.*)-(\d+)$/.exec(pod.metadata.name ?? '');
  if (!match || match[1] !== set.metadata.name) return -1;
  return Number(match[2]);
}

function podNameOf(set: StatefulSet, ordinal: number): string {
  return `${set.metadata.name}-${ordinal}`;
}

export function claimNameOf(set: StatefulSet, template: PersistentVolumeClaim, ordinal: number): string {
  return `${template.metadata.name}-${set.metadata.name}-${ordinal}`;
}

export function startOrdinal(set: StatefulSet): number {
  return set.spec?.ordinals?.start ?? 0;
}

/** The claims of one ordinal, as the templates say, with the set's selector labels on them. */
export function claimsOf(set: StatefulSet, ordinal: number): PersistentVolumeClaim[] {
  return (set.spec?.volumeClaimTemplates ?? []).map((template) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: claimNameOf(set, template, ordinal),
      namespace: set.metadata.namespace as string,
      labels: { ...template.metadata.labels, ...set.spec?.selector?.matchLabels },
      ...(template.metadata.annotations ? { annotations: template.metadata.annotations } : {}),
    },
    spec: exactIntegers(template.spec ?? {}),
  }));
}

/** Name, pod-name label and index are right: what a StatefulSet promises of a pod's identity. */
export function identityMatches(set: StatefulSet, pod: Pod): boolean {
  const ordinal = ordinalOf(set, pod);
  const own = pod.metadata.labels ?? {};
  return ordinal >= 0 && own[labels.podName] === pod.metadata.name && own[labels.podIndex] === String(ordinal);
}

/** Every claim template has its volume in the pod, under the template's name. */
export function storageMatches(set: StatefulSet, pod: Pod): boolean {
  const ordinal = ordinalOf(set, pod);
  return (set.spec?.volumeClaimTemplates ?? []).every((template) => {
    const volume = pod.spec?.volumes?.find(({ name }) => name === template.metadata.name);
    return volume?.persistentVolumeClaim?.claimName === claimNameOf(set, template, ordinal);
  });
}

/** The pod of one ordinal, made from the template of `revisionName`. */
export function newPod(set: StatefulSet, ordinal: number, revisionName: string): Pod {
  const template = copyJson(exactIntegers(set.spec?.template ?? {}));
  const name = podNameOf(set, ordinal);
  const claimVolumes = (set.spec?.volumeClaimTemplates ?? []).map((claim) => ({
    name: claim.metadata.name as string,
    persistentVolumeClaim: { claimName: claimNameOf(set, claim, ordinal) },
  }));
  const replaced = new Set(claimVolumes.map((volume) => volume.name));
  const volumes = [...claimVolumes, ...(template.spec?.volumes ?? []).filter((volume) => !replaced.has(volume.name))];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...template.metadata,
      name,
      generateName: `${set.metadata.name}-`,
      namespace: set.metadata.namespace as string,
      labels: {
        ...template.metadata?.labels,
        [labels.podName]: name,
        [labels.podIndex]: String(ordinal),
        [labels.revision]: revisionName,
      },
      ownerReferences: [controllerRef(set)],
    },
    spec: {
      ...template.spec,
      containers: template.spec?.containers ?? [],
      ...(volumes.length > 0 ? { volumes } : {}),
      hostname: name,
      ...(set.spec?.serviceName ? { subdomain: set.spec.serviceName } : {}),
    },
  };
}

export function controllerRef(set: StatefulSet) {
  const { name, uid } = set.metadata;
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    name: name as string,
    uid: uid as string,
    controller: true,
    blockOwnerDeletion: true,
  };
}
