import type { ResourceDefinition } from './resource-definition.ts';

/** Served versions that upstream warns of at every request (their API types' prerelease-lifecycle marks). */
const deprecated: Readonly<Record<string, string>> = {
  'v1 ComponentStatus': 'v1 ComponentStatus is deprecated in v1.19+',
  'v1 Endpoints': 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
};

/** The text for the `Warning` header of requests for a deprecated kind. */
export function deprecationOf({ group, version, kind }: ResourceDefinition): string | undefined {
  return deprecated[group === '' ? `${version} ${kind}` : `${group}/${version} ${kind}`];
}
