import { expect, test } from 'vitest';
import { aCustomServer, aFoo, fooDefinition, foosPath } from '../custom-resources/custom-resources.harness.ts';

const ports = (type: object) => ({
  type: 'array',
  items: {
    type: 'object',
    properties: { port: { type: 'integer' }, protocol: { type: 'string', default: 'TCP' }, note: { type: 'string' } },
    required: ['port'],
  },
  ...type,
});
const keyed = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['port', 'protocol'] };

function schemaWith(settings: object): object {
  const spec = { type: 'object', properties: { replicas: { type: 'integer' }, ports: ports(keyed), settings } };
  return {
    type: 'object',
    properties: { spec, status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
  };
}

const applying = 'application/apply-patch+yaml';
const granular = { type: 'object', additionalProperties: { type: 'string' } };
const scale = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' };

async function aFooServer() {
  const server = await aCustomServer();
  const schema = schemaWith(granular);
  await server.define(fooDefinition({ schema, version: { subresources: { status: {}, scale } } }));
  const stored = async () => {
    const kv = await server.store.get('/registry/samplecontroller.k8s.io/foos/default/f');
    const object = JSON.parse(Buffer.from(kv?.value ?? []).toString());
    const fields = object.metadata.managedFields as { manager: string; subresource?: string; fieldsV1: object }[];
    return {
      object,
      owners: Object.fromEntries(
        fields.map((each) => [[each.manager, each.subresource].filter(Boolean).join('/'), each.fieldsV1]),
      ),
    };
  };
  const apply = (manager: string, body: unknown, more = '') =>
    server.client.raw({
      method: 'PATCH',
      path: `${foosPath}/f${more}?fieldManager=${manager}`,
      contentType: applying,
      body,
    });
  return { server, apply, stored, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

test('custom resources are merged by the keys their schema names, defaults of keys included', async () => {
  await using foos = await aFooServer();
  const { apply, stored } = foos;
  await apply('alice', aFoo('f', { ports: [{ port: 80, note: 'a' }] }));
  await apply('bob', aFoo('f', { ports: [{ port: 443 }, { port: 80, protocol: 'UDP' }] }));
  await expect(apply('bob', aFoo('f', { ports: [{ port: 80, protocol: 'TCP', note: 'b' }] }))).rejects.toMatchObject({
    message: 'Apply failed with 1 conflict: conflict with "alice": .spec.ports[port=80,protocol="TCP"].note',
  });
  await apply('alice', aFoo('f', { ports: [] }));
  const { object, owners } = await stored();
  expect(object.spec.ports).toEqual([
    { port: 443, protocol: 'TCP' },
    { port: 80, protocol: 'UDP' },
  ]);
  expect(owners['bob']).toMatchObject({
    'f:spec': { 'f:ports': { 'k:{"port":443,"protocol":"TCP"}': { '.': {}, 'f:port': {} } } },
  });
});

test('what a custom resource has besides its schema is refused in an apply', async () => {
  await using foos = await aFooServer();
  await expect(foos.apply('alice', aFoo('f', { other: 1 }))).rejects.toMatchObject({
    message:
      'failed to create typed patch object (/f; samplecontroller.k8s.io/v1alpha1, Kind=Foo): .spec.other: field not declared in schema',
  });
});

test('parts that become one value by a new schema are owned as one from then on', async () => {
  await using foos = await aFooServer();
  const { server, apply, stored } = foos;
  await apply('alice', aFoo('f', { settings: { a: '1', b: '2' } }));
  const whole = { ...granular, 'x-kubernetes-map-type': 'atomic' };
  const { crds, client } = server;
  const current = await client.get(crds, { name: 'foos.samplecontroller.k8s.io' });
  const { spec } = fooDefinition({ schema: schemaWith(whole), version: { subresources: { status: {}, scale } } });
  await client.update(crds, { ...current, spec: { ...current.spec, ...spec } } as never);
  const another = () => apply('bob&dryRun=All', aFoo('f', { settings: { c: '3' } }));
  await expect.poll(() => another().catch((error: Error) => error.message)).toContain('.spec.settings');
  await apply('bob', aFoo('f', { replicas: 2 }));
  expect((await stored()).owners['alice']).toEqual({ 'f:spec': { 'f:settings': {} } });
  await expect(apply('bob', aFoo('f', { settings: { c: '3' } }))).rejects.toMatchObject({
    message: 'Apply failed with 1 conflict: conflict with "alice": .spec.settings',
  });
});

test('status and scale of a custom resource have managers of their own', async () => {
  await using foos = await aFooServer();
  const { server, apply, stored } = foos;
  await apply('alice', aFoo('f', { replicas: 1 }));
  await apply('keeper', { ...aFoo('f', { replicas: 9 }), status: { replicas: 1 } }, '/status');
  const path = `${foosPath}/f/scale?fieldManager=scaler`;
  await server.client.raw({
    method: 'PATCH',
    path,
    contentType: 'application/merge-patch+json',
    body: { spec: { replicas: 5 } },
  });
  const { object, owners } = await stored();
  expect(object).toMatchObject({ spec: { replicas: 5 }, status: { replicas: 1 } });
  expect(owners).toEqual({
    'keeper/status': { 'f:status': { 'f:replicas': {} } },
    'scaler/scale': { 'f:spec': { 'f:replicas': {} } },
  });
  // Its own converter knows no such version; what changes nothing is not converted.
  const applied = (replicas: number) => {
    const body = {
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name: 'f', namespace: 'default' },
      spec: { replicas },
    };
    return server.client.raw({
      method: 'PATCH',
      path: `${path}&force=true`,
      contentType: applying,
      body,
    });
  };
  await expect(applied(6)).rejects.toMatchObject({
    status: {
      code: 500,
      message:
        'failed to convert new object (default/f; autoscaling/v1, Kind=Scale) to proper version: request to convert CR to an invalid group/version: autoscaling/v1',
    },
  });
  expect(await applied(5)).toMatchObject({ spec: { replicas: 5 } });
  // Nor can it make anyone the owner of what nobody owns.
  const none = { metadata: { managedFields: [{}] } };
  await server.client.raw({
    method: 'PATCH',
    path: path.replace(/\/scale.*/, ''),
    contentType: 'application/merge-patch+json',
    body: none,
  });
  await expect(applied(5)).rejects.toMatchObject({
    status: {
      code: 500,
      message:
        'failed to create manager for existing fields: failed to convert live object (/; autoscaling/v1, Kind=Scale) to proper version: request to convert CR to an invalid group/version: autoscaling/v1',
    },
  });
});

// The decoder of other bodies takes nulls away where there may be none; nothing decodes what was merged (apiextensions customresource_handler.go).
test('a null that is applied is validated, and stored where there may be one', async () => {
  await using server = await aCustomServer();
  const properties = {
    count: { type: 'integer' },
    filled: { type: 'integer', default: 5 },
    maybe: { type: 'integer', nullable: true },
    any: { 'x-kubernetes-preserve-unknown-fields': true },
  };
  const schema = { type: 'object', properties: { spec: { type: 'object', properties } } };
  await server.define(fooDefinition({ schema }));
  interface Applied {
    readonly spec: object;
    readonly metadata: { readonly generation: number };
  }
  const patch = async (type: string, body: object) => {
    const path = `${foosPath}/f?fieldManager=m`;
    return (await server.client.raw({ method: 'PATCH', path, contentType: `application/${type}`, body })) as Applied;
  };
  const apply = (spec: unknown) => patch('apply-patch+yaml', { ...aFoo('f', {}), spec });
  const message = (field: string, type: string) =>
    expect.stringContaining(`${field}: Invalid value: "null": ${field} in body must be of type ${type}: "null"`);
  await expect(apply({ count: null })).rejects.toMatchObject({ message: message('spec.count', 'integer') });
  await expect(apply(null)).rejects.toMatchObject({ message: message('spec', 'object') });
  expect((await apply({ filled: null, maybe: null })).spec).toEqual({ filled: 5, maybe: null });
  expect((await apply({ any: null })).spec).toEqual({ filled: 5 });
  const before = await patch('merge-patch+json', { spec: { maybe: null, any: { x: 1 } } });
  const after = await patch('json-patch+json', [{ op: 'add', path: '/spec/maybe', value: null }]);
  expect(after.metadata.generation).toBe(before.metadata.generation + 1);
});

test('what no schema names of what is applied is pruned when it is stored: it counts as a change, and is validated', async () => {
  await using server = await aCustomServer();
  const settings = { type: 'object', maxProperties: 1 };
  await server.define(fooDefinition({ schema: schemaWith(settings) }));
  const apply = (content: object) =>
    server.send('PATCH', `${foosPath}/f?fieldManager=alice`, aFoo('f', { settings: content }), applying);
  const stored = async () => (await server.send('GET', `${foosPath}/f`))['spec'];
  expect((await apply({ unknown: 1 })).metadata.generation).toBe(1);
  expect((await apply({ unknown: 1 })).metadata.generation).toBe(2);
  await expect(apply({ unknown: 1, more: 1 })).rejects.toMatchObject({
    message: 'Foo.samplecontroller.k8s.io "f" is invalid: spec.settings: Too many: 2: must have at most 1 item',
  });
  expect(await stored()).toEqual({ settings: {} });
});

test('what does not fit its schema is written without managedFields', async () => {
  await using server = await aCustomServer();
  const properties = {
    spec: { type: 'object', properties: { replicas: { type: 'integer' } } },
    status: { type: 'boolean' },
  };
  await server.define(fooDefinition({ schema: { type: 'object', properties } }));
  const stored = async () => {
    const kv = await server.store.get('/registry/samplecontroller.k8s.io/foos/default/f');
    return JSON.parse(Buffer.from(kv?.value ?? []).toString());
  };
  await server.send('POST', foosPath, aFoo('f', { replicas: 1 }));
  expect((await stored()).metadata.managedFields).toHaveLength(1);
  // Its status does not come to where it is validated.
  const patch = [{ op: 'copy', from: '/spec', path: '/status' }];
  await server.send('PATCH', `${foosPath}/f`, patch, 'application/json-patch+json');
  expect(await stored()).not.toHaveProperty('status');
  expect((await stored()).metadata).not.toHaveProperty('managedFields');
});

// As structured-merge-diff: it cannot be merged with, whatever is applied.
test('what was stored by another schema and does not fit this one is not applied to', async () => {
  await using foos = await aFooServer();
  const { apply, server, stored } = foos;
  await apply('alice', aFoo('f', { settings: { a: 'x' } }));
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/foos.samplecontroller.k8s.io';
  const now = schemaWith({ type: 'integer' });
  const replace = { op: 'replace', path: '/spec/versions/0/schema/openAPIV3Schema', value: now };
  await server.send('PATCH', path, [replace], 'application/json-patch+json');
  const { object } = await stored();
  const what = '(default/f; samplecontroller.k8s.io/v1alpha1, Kind=Foo)';
  const why = '.spec.settings: expected numeric (int or float), got ';
  const message = expect.stringContaining(`failed to create typed live object ${what}: ${why}`);
  const words = { code: 500, message };
  for (const spec of [{}, { replicas: 1 }, { settings: 1 }])
    await expect.poll(() => apply('alice', aFoo('f', spec)).catch(({ status }) => status)).toMatchObject(words);
  expect((await stored()).object).toEqual(object);
  await server.send('PATCH', `${foosPath}/f`, { spec: { settings: 1 } }, 'application/merge-patch+json');
  await apply('alice', aFoo('f', { replicas: 1 }));
  expect((await stored()).object.spec).toEqual({ replicas: 1, settings: 1 });
});
