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
  'scheduling.k8s.io/priorityclasses',
  'storage.k8s.io/csidrivers',
]);

/** Of these upstream checks metadata with every object as a whole, not once more what an update changes of it (Validate…Update). */
export const metadataAsWhole: ReadonlySet<string> = new Set([
  ...['limitranges', 'persistentvolumes'].map((plural) => `/${plural}`),
  ...['mutatingadmissionpolicies', 'mutatingadmissionpolicybindings', 'mutatingwebhookconfigurations'].map(ofAdmission),
  ...['validatingadmissionpolicies', 'validatingadmissionpolicybindings'].map(ofAdmission),
  ofAdmission('validatingwebhookconfigurations'),
  ...['flowschemas', 'prioritylevelconfigurations'].map((plural) => `flowcontrol.apiserver.k8s.io/${plural}`),
  ...['csinodes', 'volumeattachments'].map((plural) => `storage.k8s.io/${plural}`),
  'discovery.k8s.io/endpointslices',
]);

/** Of these it leaves metadata to the registry, which looks at what nothing else is wrong with (rest.BeforeCreate, rest.BeforeUpdate). */
export const metadataLast: ReadonlySet<string> = new Set(['/events', 'policy/poddisruptionbudgets']);

function ofAdmission(plural: string): string {
  return `admissionregistration.k8s.io/${plural}`;
}
