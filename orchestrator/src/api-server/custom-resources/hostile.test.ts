import { expect, test } from 'vitest';
import { aCustomServer, aFoo, fooDefinition, foosPath, refusal } from './custom-resources.harness.ts';

const withSpec = (spec: object) => fooDefinition({ schema: { type: 'object', properties: { spec } } });

test('a schema of ten thousand properties is served, and its defaults filled', async () => {
  await using h = await aCustomServer();
  const properties = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, i) => [`p${i}`, { type: 'string', maxLength: 3, default: `${i % 10}` }]),
  );
  await h.define(withSpec({ type: 'object', properties }));
  const made = await h.send('POST', foosPath, aFoo('a', {}));
  expect(Object.keys(made['spec'])).toHaveLength(10_000);
  expect((await refusal(h.send('POST', foosPath, aFoo('b', { p77: 'long' })))).message).toContain('spec.p77: Too long');
});

test('schemas and objects as deep as bodies may be are walked', async () => {
  await using h = await aCustomServer();
  let schema: object = { type: 'integer' };
  let value: unknown = 'no integer';
  for (let i = 0; i < 400; i++) {
    schema = { type: 'object', properties: { a: schema } };
    value = { a: value };
  }
  await h.define(withSpec(schema));
  const { message, code } = await refusal(h.send('POST', foosPath, aFoo('a', value as object)));
  expect(code).toBe(422);
  expect(message).toContain(`spec${'.a'.repeat(400)} in body must be of type integer: "string"`);
});

test('references are refused wherever they stand', async () => {
  await using h = await aCustomServer();
  const schema = { type: 'object', properties: { a: { type: 'array', items: { $ref: 'file:///etc/passwd' } } } };
  const { message, code } = await refusal(h.client.create(h.crds, withSpec(schema) as never));
  expect(code).toBe(422);
  expect(message).toBe(
    'CustomResourceDefinition.apiextensions.k8s.io "foos.samplecontroller.k8s.io" is invalid: spec.validation.openAPIV3Schema.properties[spec].properties[a].items.$ref: Forbidden: $ref is not supported',
  );
  expect((await h.client.list(h.crds)).items).toEqual([]);
});

test('patterns take time by the length of the text, however they nest', async () => {
  await using h = await aCustomServer();
  await h.define(
    withSpec({ type: 'object', properties: { s: { type: 'string', pattern: '^(([a-z])+.)+[A-Z]([a-z])+$' } } }),
  );
  // A backtracking engine would need longer than the universe has been there.
  const { message } = await refusal(h.send('POST', foosPath, aFoo('a', { s: 'a'.repeat(50_000) })));
  expect(message).toContain("spec.s in body should match '^(([a-z])+.)+[A-Z]([a-z])+$'");
});

test('members named like an object’s insides are members like any other', async () => {
  await using h = await aCustomServer();
  const schema = JSON.parse(
    '{"type":"object","properties":{"__proto__":{"type":"object","properties":{"x":{"type":"integer","default":1}},"default":{}},"constructor":{"type":"string","default":"c"}}}',
  );
  await h.define(withSpec(schema));
  const made = await h.send('POST', foosPath, aFoo('a', JSON.parse('{"__proto__":{"x":5,"y":6}}')));
  expect(JSON.stringify(made['spec'])).toContain('"constructor":"c"');
  expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  expect(Object.prototype).not.toHaveProperty('y');
});

test('a scale path cannot reach what is no field', async () => {
  await using h = await aCustomServer();
  const scale = { specReplicasPath: '.spec.__proto__.replicas', statusReplicasPath: '.status.constructor.name' };
  const schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  await h.define(fooDefinition({ schema, version: { subresources: { scale } } }));
  await h.send('POST', foosPath, aFoo('a', {}));
  await h
    .send('PATCH', `${foosPath}/a/scale`, { spec: { replicas: 3 } }, 'application/merge-patch+json')
    .catch(() => undefined);
  expect(({} as Record<string, unknown>)['replicas']).toBeUndefined();
});

test('names of definitions and resources stay in their place', async () => {
  await using h = await aCustomServer();
  const named = (group: string, plural: string) => {
    const base = fooDefinition({ spec: { group, names: { kind: 'Foo', plural } } });
    return { ...base, metadata: { ...base.metadata, name: `${plural}.${group}` } };
  };
  for (const [group, plural] of [
    ['../../etc', 'foos'],
    ['example.com', '../pods'],
    ['example.com', 'foos/status'],
    ['apps', 'deployments'],
    ['example..com', 'foos'],
  ] as const)
    expect((await refusal(h.client.create(h.crds, named(group, plural) as never))).code).toBe(422);
  // One of a built-in version's name changes nothing for the built-in one.
  const taken = fooDefinition({
    spec: {
      group: 'storage.k8s.io',
      names: { kind: 'StorageClass', plural: 'storageclasses' },
      scope: 'Cluster',
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  });
  await h.define({ ...taken, metadata: { ...taken.metadata, name: 'storageclasses.storage.k8s.io' } });
  const made = await h.send('POST', '/apis/storage.k8s.io/v1/storageclasses', {
    metadata: { name: 's' },
    provisioner: 'p',
  });
  expect(made).toMatchObject({ provisioner: 'p', reclaimPolicy: 'Delete' });
  await h.client.delete(h.crds, { name: 'storageclasses.storage.k8s.io' });
  await expect.poll(async () => (await h.client.list(h.crds)).items.length).toBe(0);
  expect(await h.send('GET', '/apis/storage.k8s.io/v1/storageclasses/s')).toMatchObject({ provisioner: 'p' });
});

test('what is too large is refused, and nothing of it stored', async () => {
  await using h = await aCustomServer();
  await h.define(withSpec({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true }));
  expect((await refusal(h.send('POST', foosPath, aFoo('a', { s: 'x'.repeat(3 * 1024 * 1024) })))).code).toBe(413);
  expect((await h.send('GET', foosPath))['items']).toEqual([]);
});
