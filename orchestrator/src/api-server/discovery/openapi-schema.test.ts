import { schemas } from '@berth/kube';
import { expect, test } from 'vitest';
import { describedFields } from './descriptions/described-fields.ts';
import { kindDescriptions } from './descriptions/kind-descriptions.ts';
import { componentsOf } from './openapi-schema.ts';
import { schemaFacts } from './schema-facts.ts';

/** What clients merge and extract applied configurations by (k8s.io/api's +mapType, +listType and +listMapKey). */
test.each([
  ['io.k8s.api.core.v1.ServiceSpec', 'selector', { 'x-kubernetes-map-type': 'atomic' }],
  ['io.k8s.api.core.v1.PodSpec', 'nodeSelector', { 'x-kubernetes-map-type': 'atomic' }],
  ['io.k8s.api.core.v1.ServiceSpec', 'externalIPs', { 'x-kubernetes-list-type': 'atomic' }],
  ['io.k8s.api.core.v1.ServiceSpec', 'ports', { 'x-kubernetes-list-map-keys': ['port', 'protocol'] }],
])('%s says how its %s is merged', (name, field, how) => {
  const components = Object.fromEntries(componentsOf([name])) as Record<string, { properties: Record<string, object> }>;
  expect(components[name]?.properties[field]).toMatchObject(how);
});

test('scalars of two types are referred to by their names, and say which they are', () => {
  const components = Object.fromEntries(
    componentsOf(['io.k8s.api.core.v1.HTTPGetAction', 'io.k8s.api.core.v1.ResourceRequirements']),
  );
  const [intOrString, quantity] = ['util.intstr.IntOrString', 'api.resource.Quantity'].map(
    (name) => `io.k8s.apimachinery.pkg.${name}`,
  ) as [string, string];
  expect(components).toMatchObject({
    'io.k8s.api.core.v1.HTTPGetAction': {
      properties: { port: { allOf: [{ $ref: `#/components/schemas/${intOrString}` }] } },
    },
    'io.k8s.api.core.v1.ResourceRequirements': {
      properties: { limits: { additionalProperties: { $ref: `#/components/schemas/${quantity}` } } },
    },
    [intOrString]: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
    [quantity]: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  });
});

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

/** As kube-apiserver 1.36 publishes them; nothing else may stand there. */
test.each([
  ['core.v1.Container', 'imagePullPolicy', { type: 'string', enum: ['Always', 'IfNotPresent', 'Never'] }],
  ['core.v1.ContainerPort', 'protocol', { type: 'string', default: 'TCP', enum: ['SCTP', 'TCP', 'UDP'] }],
  ['core.v1.Container', 'name', { type: 'string', default: '' }],
  ['core.v1.Container', 'image', { type: 'string' }],
  ['core.v1.Pod', 'spec', { allOf: [ref('io.k8s.api.core.v1.PodSpec')], default: {} }],
  ['core.v1.PodSpec', 'affinity', { allOf: [ref('io.k8s.api.core.v1.Affinity')] }],
  ['apps.v1.DeploymentSpec', 'selector', { allOf: [ref(`${meta}.LabelSelector`)] }],
  ['core.v1.ReplicationControllerSpec', 'replicas', { type: 'integer', format: 'int32', default: 1 }],
  ['batch.v1.JobStatus', 'startTime', { allOf: [ref(`${meta}.Time`)] }],
  ['coordination.v1.LeaseSpec', 'renewTime', { allOf: [ref(`${meta}.MicroTime`)] }],
  ['apps.v1.ControllerRevision', 'data', { allOf: [ref('io.k8s.apimachinery.pkg.runtime.RawExtension')] }],
  [
    'core.v1.PersistentVolumeClaimSpec',
    'accessModes',
    {
      type: 'array',
      items: {
        type: 'string',
        default: '',
        enum: ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'],
      },
      'x-kubernetes-list-type': 'atomic',
    },
  ],
])('%s tells of its %s what upstream’s document does', (name, field, told) => {
  const full = `io.k8s.api.${name}`;
  const components = Object.fromEntries(componentsOf([full], { facts: { ...schemaFacts, words: {}, kindWords: {} } }));
  const { properties } = components[full] as { properties: Record<string, object> };
  expect(properties[field]).toEqual(told);
  for (const [, needed] of JSON.stringify(components[full]).matchAll(/#\/components\/schemas\/([^"]+)/g))
    expect(Object.keys(components)).toContain(needed);
});

test('a struct whose fields depend on one of them says so', () => {
  const name = 'io.k8s.api.core.v1.SeccompProfile';
  expect(Object.fromEntries(componentsOf([name], { facts: schemaFacts }))[name]).toMatchObject({
    'x-kubernetes-unions': [
      { discriminator: 'type', 'fields-to-discriminateBy': { localhostProfile: 'LocalhostProfile' } },
    ],
  });
});

test('a struct that is one value says so itself', () => {
  const components = Object.fromEntries(componentsOf(['io.k8s.api.core.v1.SecretKeySelector']));
  expect(components).toMatchObject({ 'io.k8s.api.core.v1.SecretKeySelector': { 'x-kubernetes-map-type': 'atomic' } });
});

test('what every kind has is described in each, but where it has words of its own', () => {
  const names = ['io.k8s.api.batch.v1.CronJob', 'io.k8s.api.core.v1.PodList', 'io.k8s.api.core.v1.Pod'];
  const components = Object.fromEntries(componentsOf(names, { facts: schemaFacts }));
  const said = names.map((name) =>
    Object.values((components[name]?.['properties'] ?? {}) as object).map(({ description }) => description),
  );
  const { apiVersion, items, kind, metadata, spec, status } = kindDescriptions;
  expect(said).toEqual([
    [apiVersion, kind, metadata, describedFields['api.batch.v1.CronJob']?.['spec'] ?? spec, status],
    [apiVersion, items, kind, metadata],
    [apiVersion, kind, metadata, expect.stringContaining('to run'), expect.stringContaining('the node')],
  ]);
});

test('what is described is there, and says so', () => {
  for (const [name, words] of Object.entries(describedFields)) {
    const full = `io.k8s.${name}`;
    const fields = [...(schemas.find(full)?.fields.keys() ?? [])];
    expect([name, fields]).toEqual([name, expect.arrayContaining(Object.keys(words).filter((field) => field !== ''))]);
    for (const text of Object.values(words)) expect(text).toMatch(/^.{2,160}$/);
  }
  const components = Object.fromEntries(componentsOf(['io.k8s.api.core.v1.Pod'], { facts: schemaFacts }));
  expect(components).toMatchObject({
    'io.k8s.api.core.v1.Pod': { description: expect.stringContaining('one node') },
    'io.k8s.api.core.v1.Container': {
      properties: { livenessProbe: { description: expect.stringContaining('alive') } },
    },
  });
});

test('what is told of a field is not what is told of its type: kubectl explain prints both', () => {
  const roots = Object.keys(describedFields).map((name) => `io.k8s.${name}`);
  interface Told {
    readonly description?: string;
    readonly properties?: Readonly<Record<string, Told>>;
    readonly allOf?: readonly [{ readonly $ref: string }];
  }
  const components = Object.fromEntries(componentsOf(roots, { facts: schemaFacts })) as Record<string, Told>;
  const both = Object.entries(components).flatMap(([name, { properties = {} }]) =>
    Object.entries(properties).flatMap(([field, { description, allOf }]) => {
      const type = allOf && components[allOf[0].$ref.slice(ref('').$ref.length)]?.description;
      return type === undefined || description === undefined ? [] : [{ field: `${name}.${field}`, description, type }];
    }),
  );
  expect(both.length).toBeGreaterThan(50);
  expect(both.filter(({ description, type }) => description === type)).toEqual([]);
});
