/** Where a group and its version stand in discovery (APIServiceSpec groupPriorityMinimum, versionPriority). */
export interface ApiPriority {
  readonly group: number;
  readonly version: number;
}

/** Upstream's (controlplane/apiserver/aggregator.go, kube-apiserver app/aggregator.go): by group, then each version. */
const priorities: Readonly<Record<string, readonly [group: number, versions: Readonly<Record<string, number>>]>> = {
  '': [18_000, { v1: 1 }],
  apps: [17_800, { v1: 15 }],
  'events.k8s.io': [17_750, { v1: 15 }],
  'authentication.k8s.io': [17_700, { v1: 15 }],
  'authorization.k8s.io': [17_600, { v1: 15 }],
  autoscaling: [17_500, { v2: 30, v1: 15 }],
  batch: [17_400, { v1: 15 }],
  'certificates.k8s.io': [17_300, { v1: 15, v1beta1: 9, v1alpha1: 1 }],
  'networking.k8s.io': [17_200, { v1: 15, v1beta1: 9 }],
  policy: [17_100, { v1: 15 }],
  'rbac.authorization.k8s.io': [17_000, { v1: 15 }],
  'storage.k8s.io': [16_800, { v1: 15, v1beta1: 9 }],
  'apiextensions.k8s.io': [16_700, { v1: 15 }],
  'admissionregistration.k8s.io': [16_700, { v1: 15, v1beta1: 12, v1alpha1: 9 }],
  'scheduling.k8s.io': [16_600, { v1: 15, v1alpha2: 2 }],
  'coordination.k8s.io': [16_500, { v1: 15, v1beta1: 13, v1alpha2: 12 }],
  'node.k8s.io': [16_300, { v1: 15 }],
  'discovery.k8s.io': [16_200, { v1: 15 }],
  'resource.k8s.io': [16_200, { v1: 21, v1beta2: 15, v1beta1: 9, v1alpha3: 1 }],
  'flowcontrol.apiserver.k8s.io': [16_100, { v1: 21 }],
  'internal.apiserver.k8s.io': [16_000, { v1alpha1: 9 }],
  'storagemigration.k8s.io': [15_800, { v1beta1: 9 }],
};

/** Of what custom resource definitions define, whose versions stand in the order of their names. */
export const customPriority: ApiPriority = { group: 1000, version: 100 };

/** Undefined: a group that has no APIService, as that of APIServices themselves. */
export function builtInPriority(group: string, version: string): ApiPriority | undefined {
  const [ofGroup, versions] = priorities[group] ?? [];
  const ofVersion = versions?.[version];
  return ofGroup === undefined || ofVersion === undefined ? undefined : { group: ofGroup, version: ofVersion };
}
