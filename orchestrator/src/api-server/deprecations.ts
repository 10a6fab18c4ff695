import type { ResourceDefinition } from './resource-definition.ts';

/** Served versions that upstream warns of at every request (their API types' prerelease-lifecycle marks). */
const deprecated: Readonly<Record<string, string>> = {
  'v1 ComponentStatus': 'is deprecated in v1.19+',
  'v1 Endpoints': 'is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  'admissionregistration.k8s.io/v1alpha1 MutatingAdmissionPolicy': 'is deprecated in v1.35+, unavailable in v1.38+',
  'admissionregistration.k8s.io/v1alpha1 MutatingAdmissionPolicyBinding':
    'is deprecated in v1.35+, unavailable in v1.38+',
  'certificates.k8s.io/v1alpha1 ClusterTrustBundle': 'is deprecated in v1.34+, unavailable in v1.37+',
  'coordination.k8s.io/v1alpha2 LeaseCandidate': 'is deprecated in v1.35+, unavailable in v1.38+',
  'coordination.k8s.io/v1beta1 LeaseCandidate': 'is deprecated in v1.36+, unavailable in v1.39+',
  'networking.k8s.io/v1beta1 IPAddress': 'is deprecated in v1.34+, unavailable in v1.37+',
  'networking.k8s.io/v1beta1 ServiceCIDR': 'is deprecated in v1.34+, unavailable in v1.37+',
  'resource.k8s.io/v1alpha3 DeviceTaintRule': 'is deprecated in v1.36+, unavailable in v1.39+',
  'resource.k8s.io/v1beta1 DeviceClass': 'is deprecated in v1.35+, unavailable in v1.38+',
  'resource.k8s.io/v1beta1 ResourceClaim': 'is deprecated in v1.35+, unavailable in v1.38+',
  'resource.k8s.io/v1beta1 ResourceClaimTemplate': 'is deprecated in v1.35+, unavailable in v1.38+',
  'resource.k8s.io/v1beta1 ResourceSlice': 'is deprecated in v1.35+, unavailable in v1.38+',
  'resource.k8s.io/v1beta2 DeviceClass': 'is deprecated in v1.36+, unavailable in v1.39+',
  'resource.k8s.io/v1beta2 ResourceClaim': 'is deprecated in v1.36+, unavailable in v1.39+',
  'resource.k8s.io/v1beta2 ResourceClaimTemplate': 'is deprecated in v1.36+, unavailable in v1.39+',
  'resource.k8s.io/v1beta2 ResourceSlice': 'is deprecated in v1.36+, unavailable in v1.39+',
  'storage.k8s.io/v1beta1 VolumeAttributesClass':
    'is deprecated in v1.34+, unavailable in v1.37+; use storage.k8s.io/v1 VolumeAttributesClass',
};

/** The text for the `Warning` header of requests for a deprecated kind. */
export function deprecationOf({ group, version, kind, custom }: ResourceDefinition): string | undefined {
  if (custom) return custom.deprecation;
  const name = `${group === '' ? version : `${group}/${version}`} ${kind}`;
  const why = deprecated[name];
  return why && `${name} ${why}`;
}
