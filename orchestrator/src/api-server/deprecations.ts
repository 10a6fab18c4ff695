import type { ResourceDefinition } from './resource-definition.ts';

/** Served versions that upstream warns of at every request (their API types' prerelease-lifecycle marks). */
const deprecated: Readonly<Record<string, string>> = {
  'v1 ComponentStatus': 'v1 ComponentStatus is deprecated in v1.19+',
  'coordination.k8s.io/v1beta1 LeaseCandidate':
    'coordination.k8s.io/v1beta1 LeaseCandidate is deprecated in v1.36+, unavailable in v1.39+',
  'networking.k8s.io/v1beta1 IPAddress':
    'networking.k8s.io/v1beta1 IPAddress is deprecated in v1.34+, unavailable in v1.37+',
  'networking.k8s.io/v1beta1 ServiceCIDR':
    'networking.k8s.io/v1beta1 ServiceCIDR is deprecated in v1.34+, unavailable in v1.37+',
  'storage.k8s.io/v1beta1 VolumeAttributesClass':
    'storage.k8s.io/v1beta1 VolumeAttributesClass is deprecated in v1.34+, unavailable in v1.37+; use storage.k8s.io/v1 VolumeAttributesClass',
  'v1 Endpoints': 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
};

/** The text for the `Warning` header of requests for a deprecated kind. */
export function deprecationOf({ group, version, kind, custom }: ResourceDefinition): string | undefined {
  if (custom) return custom.deprecation;
  return deprecated[group === '' ? `${version} ${kind}` : `${group}/${version} ${kind}`];
}
