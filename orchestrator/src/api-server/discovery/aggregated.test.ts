import { expect, test } from 'vitest';
import { ResourceRegistry } from '../resource-registry.ts';
import { definitions } from '../resources/definitions.ts';
import { aggregatedDiscovery } from './aggregated.ts';

interface Entry {
  readonly resource?: string;
  readonly subresource?: string;
  readonly responseKind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly subresources?: readonly Entry[];
}

interface Document {
  readonly items: readonly { readonly versions: readonly { readonly resources: readonly Entry[] }[] }[];
}

/** The kinds that are told with a group or version. */
function told(core: boolean): Record<string, string> {
  const { items } = aggregatedDiscovery(new ResourceRegistry(definitions), core, 'v2') as unknown as Document;
  const resources = items.flatMap(({ versions }) => versions.flatMap(({ resources }) => resources));
  const all = resources.flatMap((each) => [
    [`${each.resource}`, each.responseKind] as const,
    ...(each.subresources ?? []).map(
      ({ subresource, responseKind }) => [`${each.resource}/${subresource}`, responseKind] as const,
    ),
  ]);
  return Object.fromEntries(
    all
      .filter(([, { group, version }]) => group !== '' || version !== '')
      .map(([name, { group, version, kind }]) => [name, `${group}/${version} ${kind}`]),
  );
}

// As recorded from a real server (kubernetes-1.36.discovery.json, and `/api`).
test('only kinds of another version than the path’s are told with theirs', () => {
  expect(told(true)).toEqual({
    'pods/eviction': 'policy/v1 Eviction',
    'replicationcontrollers/scale': 'autoscaling/v1 Scale',
    'serviceaccounts/token': 'authentication.k8s.io/v1 TokenRequest',
  });
  expect(told(false)).toEqual({
    'deployments/scale': 'autoscaling/v1 Scale',
    'replicasets/scale': 'autoscaling/v1 Scale',
    'statefulsets/scale': 'autoscaling/v1 Scale',
  });
});
