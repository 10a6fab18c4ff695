import { expect, test } from 'vitest';
import { componentsOf } from './openapi-schema.ts';

/** What clients merge and extract applied configurations by (k8s.io/api's +mapType, +listType and +listMapKey). */
test.each([
  ['io.k8s.api.core.v1.ServiceSpec', 'selector', { 'x-kubernetes-map-type': 'atomic' }],
  ['io.k8s.api.core.v1.PodSpec', 'nodeSelector', { 'x-kubernetes-map-type': 'atomic' }],
  ['io.k8s.api.core.v1.ServiceSpec', 'externalIPs', { 'x-kubernetes-list-type': 'atomic' }],
  ['io.k8s.api.core.v1.ServiceSpec', 'ports', { 'x-kubernetes-list-map-keys': ['port', 'protocol'] }],
])('%s says how its %s is merged', (name, field, how) => {
  const components = componentsOf([name], new Map()) as Record<string, { properties: Record<string, object> }>;
  expect(components[name]?.properties[field]).toMatchObject(how);
});

test('a struct that is one value says so itself', () => {
  const components = componentsOf(['io.k8s.api.core.v1.SecretKeySelector'], new Map());
  expect(components).toMatchObject({ 'io.k8s.api.core.v1.SecretKeySelector': { 'x-kubernetes-map-type': 'atomic' } });
});
