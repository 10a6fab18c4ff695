import { schemas } from '@berth/kube';
import { expect, test } from 'vitest';
import { describedFields } from './descriptions/described-fields.ts';
import { componentsOf } from './openapi-schema.ts';

/** What clients merge and extract applied configurations by (k8s.io/api's +mapType, +listType and +listMapKey). */
test.each([
  ['io.k8s.api.core.v1.ServiceSpec', 'selector', { 'x-kubernetes-map-type': 'atomic' }],
  ['io.k8s.api.core.v1.PodSpec', 'nodeSelector', { 'x-kubernetes-map-type': 'atomic' }],
  ['io.k8s.api.core.v1.ServiceSpec', 'externalIPs', { 'x-kubernetes-list-type': 'atomic' }],
  ['io.k8s.api.core.v1.ServiceSpec', 'ports', { 'x-kubernetes-list-map-keys': ['port', 'protocol'] }],
])('%s says how its %s is merged', (name, field, how) => {
  const components = Object.fromEntries(componentsOf([name], new Map())) as Record<
    string,
    { properties: Record<string, object> }
  >;
  expect(components[name]?.properties[field]).toMatchObject(how);
});

test('scalars of two types are referred to by their names, and say which they are', () => {
  const components = Object.fromEntries(
    componentsOf(['io.k8s.api.core.v1.HTTPGetAction', 'io.k8s.api.core.v1.ResourceRequirements'], new Map()),
  );
  const [intOrString, quantity] = ['util.intstr.IntOrString', 'api.resource.Quantity'].map(
    (name) => `io.k8s.apimachinery.pkg.${name}`,
  ) as [string, string];
  expect(components).toMatchObject({
    'io.k8s.api.core.v1.HTTPGetAction': {
      properties: { port: { allOf: [{ $ref: `#/components/schemas/${intOrString}` }] } },
    },
    'io.k8s.api.core.v1.ResourceRequirements': {
      properties: { limits: { additionalProperties: { allOf: [{ $ref: `#/components/schemas/${quantity}` }] } } },
    },
    [intOrString]: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
    [quantity]: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  });
});

test('a struct that is one value says so itself', () => {
  const components = Object.fromEntries(componentsOf(['io.k8s.api.core.v1.SecretKeySelector'], new Map()));
  expect(components).toMatchObject({ 'io.k8s.api.core.v1.SecretKeySelector': { 'x-kubernetes-map-type': 'atomic' } });
});

test('what is described is there, and says so', () => {
  for (const [name, words] of Object.entries(describedFields)) {
    const full = `io.k8s.${name}`;
    const fields = [...(schemas.find(full)?.fields.keys() ?? [])];
    expect([name, fields]).toEqual([name, expect.arrayContaining(Object.keys(words).filter((field) => field !== ''))]);
    for (const text of Object.values(words)) expect(text).toMatch(/^.{2,160}$/);
  }
  const components = Object.fromEntries(componentsOf(['io.k8s.api.core.v1.Pod'], new Map(), describedFields));
  expect(components).toMatchObject({
    'io.k8s.api.core.v1.Pod': { description: expect.stringContaining('one node') },
    'io.k8s.api.core.v1.Container': {
      properties: { livenessProbe: { description: expect.stringContaining('alive') } },
    },
  });
});
