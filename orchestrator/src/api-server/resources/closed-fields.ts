import type { Container, CSIDriver, PersistentVolumeClaimSpec, PodSpec, StatefulSet } from '@berth/kube';
import type { AnyObject } from '../resource-definition.ts';

type Drop = (next: AnyObject, old: AnyObject | undefined) => void;

/**
 * Fields behind feature gates that are closed in Kubernetes 1.36 unless somebody opens them: left out of what is sent, but where the
 * stored object has them (the strategies' dropDisabledFields).
 */
export const dropClosedFields: Readonly<Record<string, Drop>> = {
  '/pods': ({ spec }, old) => dropOfPod(spec, old?.['spec']),
  '/podtemplates': ({ template }, old) => dropOfPod(template?.spec, old?.['template']?.spec),
  '/replicationcontrollers': dropOfTemplate,
  'apps/daemonsets': dropOfTemplate,
  'apps/deployments': dropOfTemplate,
  'apps/replicasets': dropOfTemplate,
  'apps/statefulsets': (next, old) => {
    dropOfTemplate(next, old);
    dropMaxUnavailable(next as StatefulSet, old as StatefulSet | undefined);
  },
  'batch/jobs': dropOfTemplate,
  'batch/cronjobs': ({ spec }, old) =>
    dropOfPod(spec?.jobTemplate?.spec?.template?.spec, old?.['spec']?.jobTemplate?.spec?.template?.spec),
  // CoordinatedLeaderElection
  'coordination.k8s.io/leases': ({ spec }, old) => {
    for (const name of ['strategy', 'preferredHolder']) if (old?.['spec']?.[name] === undefined) delete spec?.[name];
  },
  // Of v1beta1 alone.
  'discovery.k8s.io/endpointslices': ({ endpoints = [] }) => {
    for (const endpoint of endpoints) delete endpoint.deprecatedTopology;
  },
  '/persistentvolumeclaims': ({ spec }, old) => dropForeignSource(spec, old?.['spec']),
  'storage.k8s.io/csidrivers': (next, old) => dropLimitScaling(next as CSIDriver, old as CSIDriver | undefined),
};

function dropOfTemplate(next: AnyObject, old: AnyObject | undefined): void {
  dropOfPod(next['spec']?.template?.spec, old?.['spec']?.template?.spec);
}

type Holder = Readonly<Record<string, unknown>>;

/** What may have a field of a pod's, by the field's gate. */
const podFields: readonly { readonly name: string; readonly holders: (spec: PodSpec) => readonly unknown[] }[] = [
  // ClusterTrustBundleProjection
  { name: 'clusterTrustBundle', holders: projections },
  // PodCertificateRequest
  { name: 'podCertificate', holders: projections },
  // GenericWorkload
  { name: 'schedulingGroup', holders: (spec) => [spec] },
  // ContainerStopSignals
  { name: 'stopSignal', holders: (spec) => containersOf(spec).map(({ lifecycle }) => lifecycle ?? {}) },
];

function dropOfPod(spec: PodSpec | undefined, old: PodSpec | undefined): void {
  if (!spec) return;
  for (const { name, holders } of podFields) {
    const having = (of: PodSpec) => (holders(of) as Holder[]).filter((holder) => holder[name] !== undefined);
    const dropped = having(spec);
    if (dropped.length === 0 || (old && having(old).length > 0)) continue;
    for (const holder of dropped) delete (holder as Record<string, unknown>)[name];
    for (const container of containersOf(spec))
      if (dropped.includes(container.lifecycle as Holder) && isEmpty(container.lifecycle)) delete container.lifecycle;
  }
}

function projections({ volumes = [] }: PodSpec): readonly unknown[] {
  return volumes.flatMap(({ projected }) => projected?.sources ?? []);
}

function containersOf(spec: PodSpec): readonly Container[] {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = spec;
  return [...containers, ...initContainers, ...(ephemeralContainers as Container[])];
}

function isEmpty(object: object | undefined): boolean {
  return object !== undefined && Object.keys(object).length === 0;
}

/** MaxUnavailableStatefulSet. */
function dropMaxUnavailable({ spec }: StatefulSet, old: StatefulSet | undefined): void {
  const rolling = spec?.updateStrategy?.rollingUpdate;
  if (old?.spec?.updateStrategy?.rollingUpdate?.maxUnavailable === undefined) delete rolling?.maxUnavailable;
}

/** CrossNamespaceVolumeDataSource. */
function dropForeignSource(spec: PersistentVolumeClaimSpec | undefined, old?: PersistentVolumeClaimSpec): void {
  if (spec?.dataSourceRef?.namespace && !old?.dataSourceRef) delete spec.dataSourceRef;
}

/** VolumeLimitScaling. */
function dropLimitScaling({ spec }: CSIDriver, old: CSIDriver | undefined): void {
  if (old?.spec?.preventPodSchedulingIfMissing === undefined) delete spec.preventPodSchedulingIfMissing;
}
