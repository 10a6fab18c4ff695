/** Of these upstream checks what an update changes of metadata, not all of it again, its generateName among that (Validate…Update). */
export const changesAlone: ReadonlySet<string> = new Set([
  ...['podtemplates', 'replicationcontrollers', 'resourcequotas', 'services'].map((plural) => `/${plural}`),
  ...['daemonsets', 'deployments', 'replicasets', 'statefulsets'].map((plural) => `apps/${plural}`),
  ...['networkpolicies', 'servicecidrs'].map((plural) => `networking.k8s.io/${plural}`),
  ...['leasecandidates', 'leases'].map((plural) => `coordination.k8s.io/${plural}`),
  ...['deviceclasses', 'resourceslices'].map((plural) => `resource.k8s.io/${plural}`),
  'apiextensions.k8s.io/customresourcedefinitions',
  'autoscaling/horizontalpodautoscalers',
  'batch/cronjobs',
  'events.k8s.io/events',
  'policy/poddisruptionbudgets',
  'scheduling.k8s.io/priorityclasses',
  'storage.k8s.io/csidrivers',
]);
