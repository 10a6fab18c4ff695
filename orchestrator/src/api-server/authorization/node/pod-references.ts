import type { AnyObject } from '../../resource-definition.ts';

/** A pod's references to other objects of its namespace, each `kind` by the authorizer's word for it. */
export interface Reference {
  readonly kind: 'secrets' | 'configmaps' | 'persistentvolumeclaims' | 'serviceaccounts' | 'resourceclaims';
  readonly name: string;
}

// biome-ignore lint/suspicious/noExplicitAny: volumes and containers as stored, of which a few fields are looked at.
type Loose = Record<string, any>;

/** What the kubelet of a pod's node needs of other objects (node authorizer, Graph.AddPod). */
export function podReferences({ metadata, spec, status }: AnyObject): Reference[] {
  const { serviceAccountName, volumes = [], resourceClaims = [] } = (spec ?? {}) as Loose;
  const found: Reference[] = [
    ...named('serviceaccounts', serviceAccountName),
    ...secretNames(spec ?? {}).flatMap((name) => named('secrets', name)),
    ...configMapNames(spec ?? {}).flatMap((name) => named('configmaps', name)),
    ...(volumes as Loose[]).flatMap((volume) =>
      volume['ephemeral']
        ? named('persistentvolumeclaims', `${metadata.name}-${volume['name']}`)
        : named('persistentvolumeclaims', volume['persistentVolumeClaim']?.claimName),
    ),
  ];
  const made = (status?.resourceClaimStatuses ?? []) as Loose[];
  for (const claim of resourceClaims as Loose[]) {
    const given = made.find(({ name }) => name === claim['name'])?.['resourceClaimName'];
    found.push(...named('resourceclaims', claim['resourceClaimName'] ?? given));
  }
  found.push(...named('resourceclaims', status?.extendedResourceClaimStatus?.resourceClaimName));
  return found;
}

function named(kind: Reference['kind'], name: unknown): Reference[] {
  return typeof name === 'string' && name !== '' ? [{ kind, name }] : [];
}

/** podutil.VisitPodSecretNames */
export function secretNames(spec: Loose): string[] {
  const ofVolume = (volume: Loose) => [
    volume['azureFile']?.secretName,
    ...['cephfs', 'cinder', 'flexVolume', 'rbd', 'scaleIO', 'iscsi', 'storageos'].map(
      (kind) => volume[kind]?.secretRef?.name,
    ),
    ...((volume['projected']?.sources ?? []) as Loose[]).map(({ secret }) => secret?.name),
    volume['secret']?.secretName,
    volume['csi']?.nodePublishSecretRef?.name,
  ];
  return texts([
    ...((spec['imagePullSecrets'] ?? []) as Loose[]).map(({ name }) => name),
    ...containersOf(spec).flatMap(({ env = [], envFrom = [] }) => [
      ...(envFrom as Loose[]).map(({ secretRef }) => secretRef?.name),
      ...(env as Loose[]).map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
    ]),
    ...((spec['volumes'] ?? []) as Loose[]).flatMap(ofVolume),
  ]);
}

/** podutil.VisitPodConfigmapNames */
export function configMapNames(spec: Loose): string[] {
  return texts([
    ...containersOf(spec).flatMap(({ env = [], envFrom = [] }) => [
      ...(envFrom as Loose[]).map(({ configMapRef }) => configMapRef?.name),
      ...(env as Loose[]).map(({ valueFrom }) => valueFrom?.configMapKeyRef?.name),
    ]),
    ...((spec['volumes'] ?? []) as Loose[]).flatMap((volume) => [
      ...((volume['projected']?.sources ?? []) as Loose[]).map(({ configMap }) => configMap?.name),
      volume['configMap']?.name,
    ]),
  ]);
}

function containersOf(spec: Loose): Loose[] {
  return [spec['initContainers'], spec['containers'], spec['ephemeralContainers']].flatMap((list) => list ?? []);
}

function texts(values: readonly unknown[]): string[] {
  return values.filter((value): value is string => typeof value === 'string' && value !== '');
}
