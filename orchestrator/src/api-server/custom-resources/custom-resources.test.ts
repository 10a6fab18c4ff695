import { expect, test } from 'vitest';
import { aCustomServer, aFoo, fooDefinition, foosPath, refusal } from './custom-resources.harness.ts';

test('a definition gets its names, is established, and its resources are served', async () => {
  await using h = await aCustomServer();
  const { status } = await h.define(fooDefinition());
  expect(status?.acceptedNames).toEqual({ plural: 'foos', singular: 'foo', kind: 'Foo', listKind: 'FooList' });
  expect(status?.storedVersions).toEqual(['v1alpha1']);
  const words = status?.conditions?.map(({ type, status: is, reason, message }) => [type, is, reason, message]);
  expect(words).toEqual([
    ['NamesAccepted', 'True', 'NoConflicts', 'no conflicts found'],
    ['Established', 'True', 'InitialNamesAccepted', 'the initial names have been accepted'],
    expect.arrayContaining(['KubernetesAPIApprovalPolicyConformant', 'False', 'UnapprovedAnnotation']),
  ]);
  const made = await h.send('POST', foosPath, aFoo('a'));
  expect(made).toMatchObject({
    kind: 'Foo',
    metadata: { name: 'a', namespace: 'default', generation: 1 },
    spec: { replicas: 1 },
  });
  const list = await h.send('GET', foosPath);
  expect(list).toMatchObject({ kind: 'FooList', items: [{ metadata: { name: 'a' } }] });
});

test('a resource that breaks its schema is refused in upstream’s words', async () => {
  await using h = await aCustomServer();
  await h.define(fooDefinition());
  const { message, code, details } = await refusal(
    h.send('POST', foosPath, aFoo('a', { deploymentName: 5, replicas: 0 })),
  );
  expect(code).toBe(422);
  expect(message).toBe(
    'Foo.samplecontroller.k8s.io "a" is invalid: [spec.deploymentName: Invalid value: "integer": spec.deploymentName in body must be of type string: "integer", spec.replicas: Invalid value: 0: spec.replicas in body should be greater than or equal to 1]',
  );
  expect(details?.causes).toEqual([
    {
      reason: 'FieldValueTypeInvalid',
      field: 'spec.deploymentName',
      message: 'Invalid value: "integer": spec.deploymentName in body must be of type string: "integer"',
    },
    {
      reason: 'FieldValueInvalid',
      field: 'spec.replicas',
      message: 'Invalid value: 0: spec.replicas in body should be greater than or equal to 1',
    },
  ]);
  expect((await h.send('GET', foosPath))['items']).toEqual([]);
});

test('status is written by its own endpoint alone, and raises no generation', async () => {
  await using h = await aCustomServer();
  await h.define(fooDefinition());
  await h.send('POST', foosPath, { ...aFoo('a'), status: { availableReplicas: 3 } });
  const first = await h.send('GET', `${foosPath}/a`);
  expect(first).not.toHaveProperty('status');
  const written = await h.send('PUT', `${foosPath}/a/status`, {
    ...first,
    spec: { replicas: 9 },
    status: { availableReplicas: 2 },
  });
  expect(written).toMatchObject({
    spec: { replicas: 1 },
    status: { availableReplicas: 2 },
    metadata: { generation: 1 },
  });
  const changed = await h.send('PUT', `${foosPath}/a`, {
    ...written,
    spec: { replicas: 4 },
    status: { availableReplicas: 7 },
  });
  expect(changed).toMatchObject({
    spec: { replicas: 4 },
    status: { availableReplicas: 2 },
    metadata: { generation: 2 },
  });
});

test('a status that nobody creates is neither checked nor stored: its default is there where it is read', async () => {
  await using h = await aCustomServer();
  const status = { 'x-kubernetes-int-or-string': true, default: [null], pattern: '^[0-9]+%$' };
  const schema = { type: 'object', properties: { spec: { type: 'object' }, status } };
  await h.define(fooDefinition({ schema }));
  const shown = { metadata: { generation: 1 }, status: [null] };
  expect(await h.send('POST', `${foosPath}?dryRun=All`, aFoo('a', {}))).toMatchObject(shown);
  expect(await h.send('POST', foosPath, { ...aFoo('a', {}), status: '5%' })).toMatchObject(shown);
  expect(await h.send('GET', `${foosPath}/a`)).toMatchObject(shown);
  expect(await h.send('GET', foosPath)).toMatchObject({ items: [shown] });
  const stored = await h.store.get('/registry/samplecontroller.k8s.io/foos/default/a', 0);
  expect(JSON.parse(Buffer.from(stored?.value ?? []).toString())).not.toHaveProperty('status');
});

test('an update says which revision it replaces', async () => {
  await using h = await aCustomServer();
  await h.define(fooDefinition());
  await h.send('POST', foosPath, aFoo('a'));
  expect((await refusal(h.send('PUT', `${foosPath}/a`, aFoo('a')))).message).toBe(
    'foos.samplecontroller.k8s.io "a" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
  );
});

test('merge and JSON patches change resources; strategic ones are refused', async () => {
  await using h = await aCustomServer();
  await h.define(fooDefinition());
  await h.send('POST', foosPath, aFoo('a'));
  const merged = await h.send('PATCH', `${foosPath}/a`, { spec: { replicas: 2 } }, 'application/merge-patch+json');
  expect(merged).toMatchObject({ spec: { deploymentName: 'a', replicas: 2 } });
  const patch = [{ op: 'replace', path: '/spec/replicas', value: 3 }];
  expect(await h.send('PATCH', `${foosPath}/a`, patch, 'application/json-patch+json')).toMatchObject({
    spec: { replicas: 3 },
  });
  const refused = await refusal(
    h.send('PATCH', `${foosPath}/a`, { spec: {} }, 'application/strategic-merge-patch+json'),
  );
  expect(refused).toMatchObject({
    code: 415,
    message:
      'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
  });
});

test('unknown fields are pruned, and refused where the client asks for it', async () => {
  await using h = await aCustomServer();
  await h.define(fooDefinition());
  const foo = { ...aFoo('a', { replicas: 1, extra: true }), other: 1, metadata: { name: 'a', wrong: 2 } };
  const strict = await refusal(h.send('POST', `${foosPath}?fieldValidation=Strict`, foo));
  expect(strict).toMatchObject({
    code: 400,
    message:
      'Foo in version "v1alpha1" cannot be handled as a Foo: strict decoding error: unknown field "metadata.wrong", unknown field "other", unknown field "spec.extra"',
  });
  const made = await h.send('POST', foosPath, foo);
  expect(made['spec']).toEqual({ replicas: 1 });
  expect(made).not.toHaveProperty('other');
});

test('a definition that is deleted takes its instances with it, and is served no more', async () => {
  await using h = await aCustomServer();
  await h.define(fooDefinition());
  await h.send('POST', foosPath, aFoo('a'));
  await h.send('POST', foosPath, { ...aFoo('b'), metadata: { name: 'b', finalizers: ['example.com/held'] } });
  const name = 'foos.samplecontroller.k8s.io';
  const stop = new AbortController();
  const events = h.client.watch(
    h.crds,
    { resourceVersion: (await h.client.list(h.crds)).metadata.resourceVersion as string },
    stop.signal,
  );
  const marked = (await h.client.delete(h.crds, { name })) as unknown as {
    metadata: { finalizers: string[] };
    status: { conditions: { reason: string }[] };
  };
  expect(marked.metadata.finalizers).toEqual(['customresourcecleanup.apiextensions.k8s.io']);
  expect(marked.status.conditions.at(-1)?.reason).toBe('InstanceDeletionPending');
  const reasons: unknown[] = [];
  for await (const { type, object } of events) {
    reasons.push(type === 'DELETED' ? type : object.status?.conditions?.at(-1)?.reason);
    if (type === 'DELETED') break;
    if (reasons.length !== 2) continue;
    expect(await refusal(h.send('POST', foosPath, aFoo('c')))).toMatchObject({
      code: 403,
      message:
        'foos.samplecontroller.k8s.io "c" is forbidden: create not allowed while custom resource definition is terminating',
    });
    await h.send('PATCH', `${foosPath}/b`, { metadata: { finalizers: null } }, 'application/merge-patch+json');
  }
  stop.abort();
  expect(reasons).toEqual(['InstanceDeletionPending', 'InstanceDeletionInProgress', 'DELETED']);
  await expect.poll(() => refusal(h.send('GET', foosPath)).then(({ code }) => code)).toBe(404);
});

test('what is embedded is published as a resource, which says what it is', async () => {
  await using h = await aCustomServer();
  const embedded = { type: 'object', 'x-kubernetes-embedded-resource': true, properties: { a: { type: 'string' } } };
  const openAPIV3Schema = {
    type: 'object',
    properties: { one: embedded, other: { ...embedded, required: ['a', 'kind'] } },
  };
  const version = { name: 'v1alpha1', served: true, storage: true, schema: { openAPIV3Schema } };
  await h.define(fooDefinition({ spec: { versions: [version] } }));
  const document = await h.send('GET', '/openapi/v3/apis/samplecontroller.k8s.io/v1alpha1');
  const schemas = (document['components'] as { schemas: Record<string, { properties: object }> }).schemas;
  const properties = { apiVersion: {}, kind: {}, metadata: {}, a: {} };
  expect(schemas['io.k8s.samplecontroller.v1alpha1.Foo']?.properties).toMatchObject({
    one: { properties, required: ['kind', 'apiVersion'] },
    other: { properties, required: ['a', 'kind', 'apiVersion'] },
  });
});

test('names that others of the group have are not given twice, and are once they are free', async () => {
  await using h = await aCustomServer();
  await h.define(fooDefinition());
  const second = fooDefinition({
    spec: { names: { kind: 'Foo', plural: 'fooish', singular: 'fooish', shortNames: ['foo'] } },
  });
  const { status } = await h.define({
    ...second,
    metadata: { ...second.metadata, name: 'fooish.samplecontroller.k8s.io' },
  });
  expect(status?.conditions?.slice(0, 2)).toMatchObject([
    { type: 'NamesAccepted', status: 'False', reason: 'ListKindConflict', message: '"FooList" is already in use' },
    { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' },
  ]);
  await h.client.delete(h.crds, { name: 'foos.samplecontroller.k8s.io' });
  await expect
    .poll(
      async () =>
        (await h.client.get(h.crds, { name: 'fooish.samplecontroller.k8s.io' })).status?.conditions?.[1]?.status,
    )
    .toBe('True');
});

test('a schema keeps the nulls of its defaults and loses fields that are empty', async () => {
  await using h = await aCustomServer();
  const schema = {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          o: { type: 'object', default: { a: null }, properties: { a: { type: 'string', nullable: true } } },
          l: { type: 'array', items: { type: 'string', description: '', nullable: false } },
        },
      },
    },
  };
  const { spec } = await h.define(fooDefinition({ schema }));
  expect(spec.versions[0]?.schema?.openAPIV3Schema?.properties?.['spec']?.properties).toEqual({
    o: { type: 'object', default: { a: null }, properties: { a: { type: 'string', nullable: true } } },
    l: { type: 'array', items: { type: 'string' } },
  });
  expect(await h.send('POST', foosPath, aFoo('a', {}))).toMatchObject({ spec: { o: { a: null } } });
});

test.each([
  [{ versions: [] }, '[]'],
  [{ versions: null }, 'null'],
  [{ versions: undefined }, 'null'],
])('a definition whose versions are %j is refused in upstream’s words', async (more, shown) => {
  await using h = await aCustomServer();
  const definition = fooDefinition();
  const body = JSON.parse(JSON.stringify({ ...definition, spec: { ...definition.spec, ...more } }));
  const { message } = await refusal(h.send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', body));
  const errors = [
    `spec.versions: Invalid value: ${shown}: must have exactly one version marked as storage version`,
    'status.storedVersions: Invalid value: null: must have at least one stored version',
  ];
  expect(message).toContain(`is invalid: [${errors.join(', ')}]`);
});

test('what changes a definition raises its generation, an empty example too, and what is nothing does not', async () => {
  await using h = await aCustomServer();
  await h.define(fooDefinition());
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/foos.samplecontroller.k8s.io';
  const patch = async (spec: object) => {
    const { metadata, ...changed } = await h.send('PATCH', path, { spec }, 'application/merge-patch+json');
    return [metadata.generation, changed['spec'].conversion];
  };
  const openAPIV3Schema = { type: 'object', example: [] };
  const versions = [{ name: 'v1alpha1', served: true, storage: true, schema: { openAPIV3Schema } }];
  expect(await patch({ versions: [{ ...versions[0], schema: { openAPIV3Schema: { type: 'object' } } }] })).toEqual([
    2,
    { strategy: 'None' },
  ]);
  expect(await patch({ versions })).toEqual([3, { strategy: 'None' }]);
  expect(await patch({ conversion: { strategy: 'None', webhook: {} } })).toEqual([3, { strategy: 'None' }]);
});

test('versions that a status names as stored twice stay so', async () => {
  await using h = await aCustomServer();
  await h.define(fooDefinition());
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/foos.samplecontroller.k8s.io';
  const patch = (at: string, body: object) => h.send('PATCH', at, body, 'application/merge-patch+json');
  const storedVersions = ['v1alpha1', 'v1alpha1'];
  await patch(`${path}/status`, { status: { storedVersions } });
  expect(await patch(path, { metadata: { labels: { a: 'b' } } })).toMatchObject({ status: { storedVersions } });
});
