import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fooDefinition } from '../../orchestrator/src/api-server/custom-resources/custom-resources.harness.ts';
import { anApiServer, type Exchange } from '../harness/api-server.ts';
import { aWebhookServer, type Answerer } from '../harness/webhook-server.ts';

const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const foos = '/apis/samplecontroller.k8s.io/v1alpha1/namespaces/default/foos';
const name = 'foos.samplecontroller.k8s.io';

type Server = Awaited<ReturnType<typeof anApiServer>>;
let server: Server;
beforeAll(async () => {
  server = await anApiServer();
});
afterAll(() => server[Symbol.asyncDispose]());

async function send(method: string, path: string, body?: unknown, more: Partial<Exchange> = {}) {
  const { status, text, headers } = await server.send({ method, path, body, contentType: 'application/json', ...more });
  return { status, headers, text, body: text.startsWith('{') ? JSON.parse(text) : undefined };
}

async function define(definition: object): Promise<void> {
  const made = await send('POST', crds, definition);
  if (made.status !== 201) throw new Error(made.text);
  await expect
    .poll(async () => (await send('GET', `${crds}/${name}`)).body.status.conditions?.map((each: { type: string; status: string }) => each.type + each.status))
    .toContain('EstablishedTrue');
}

async function undefine(): Promise<void> {
  await send('DELETE', `${crds}/${name}`);
  await expect.poll(async () => (await send('GET', `${crds}/${name}`)).status).toBe(404);
}

const foo = (metadata: object, more: object = {}) => ({ apiVersion: 'samplecontroller.k8s.io/v1alpha1', kind: 'Foo', metadata, ...more });

test('bodies come as JSON and YAML, not as protobuf', async () => {
  await define(fooDefinition());
  const yaml = 'apiVersion: samplecontroller.k8s.io/v1alpha1\nkind: Foo\nmetadata: { name: "y" }\nspec: { replicas: 3 }\n';
  const made = await send('POST', foos, undefined, { raw: yaml, contentType: 'application/yaml' });
  expect(made).toMatchObject({ status: 201, body: { spec: { replicas: 3 } } });
  const protobuf = await send('POST', foos, undefined, { raw: Buffer.from('6b387300', 'hex'), contentType: 'application/vnd.kubernetes.protobuf' });
  expect(protobuf).toMatchObject({
    status: 415,
    body: {
      reason: 'UnsupportedMediaType',
      message: 'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml',
    },
  });
  await undefine();
});

test('whatever is asked of a deprecated version is warned of, also what it does not serve', async () => {
  await define(fooDefinition({ version: { deprecated: true, deprecationWarning: 'old', subresources: {} } }));
  const asked = async (method: string, path: string) => {
    const { status, headers } = await send(method, path, method === 'GET' ? undefined : {});
    return [status, headers['warning']];
  };
  const warning = '299 - "old"';
  for (const below of ['status', 'scale', 'no-such', 'no-such/below']) expect(await asked('GET', `${foos}/a/${below}`)).toEqual([404, warning]);
  expect(await asked('POST', `${foos}/a/status`)).toEqual([404, warning]);
  expect(await asked('PUT', foos)).toEqual([400, warning]);
  expect(await asked('PATCH', foos)).toEqual([400, warning]);
  // What is no resource of the definition's is nobody's, and what is of one outside of a namespace.
  for (const path of ['no-such', 'foos/a', 'foos/a/status', 'foos/a/no-such'])
    expect(await asked('GET', `/apis/samplecontroller.k8s.io/v1alpha1/${path}`)).toEqual([404, undefined]);
  expect(await asked('GET', '/apis/samplecontroller.k8s.io/v1alpha1/watch/foos/a/no-such')).toEqual([404, warning]);
  await undefine();
});

test('what a body says it is must be what the path is about', async () => {
  await define(fooDefinition());
  const other = await send('POST', foos, { ...foo({ name: 'a' }), kind: 'Bar' });
  expect(other.body).toMatchObject({ code: 422, message: 'Bar.samplecontroller.k8s.io "a" is invalid: kind: Invalid value: "Bar": must be Foo' });
  const version = await send('POST', foos, { ...foo({ name: 'a' }), apiVersion: 'samplecontroller.k8s.io/v1' });
  expect(version.body).toMatchObject({
    code: 400,
    message: 'the API version in the data (samplecontroller.k8s.io/v1) does not match the expected API version (samplecontroller.k8s.io/v1alpha1)',
  });
  expect((await send('POST', foos, { metadata: { name: 'a' } })).body).toMatchObject({ code: 400 });
  const { apiVersion: _, ...versionless } = foo({ name: 'a' });
  expect((await send('POST', foos, versionless)).body).toMatchObject({
    code: 400,
    message: 'the API version in the data () does not match the expected API version (samplecontroller.k8s.io/v1alpha1)',
  });
  const unnamed = await send('POST', foos, foo({ name: '../../etc' }));
  expect(unnamed.body).toMatchObject({ code: 422, reason: 'Invalid' });
  await undefine();
});

test('a patch that makes something else of a resource shows what, as upstream does', async () => {
  await define(fooDefinition());
  const { metadata } = (await send('POST', foos, foo({ name: 'a' }))).body;
  const { managedFields: _, ...stored } = metadata;
  const patched = (more: object, own: object = {}) => {
    const all = { ...foo({ ...stored, ...own }), ...more };
    const sorted = (value: object): object => Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
    return JSON.stringify(sorted({ ...all, metadata: sorted(all.metadata) }));
  };
  const cases: [object, string, string][] = [
    [{ metadata: { uid: 5 } }, patched({}, { uid: 5 }), 'json: cannot unmarshal number into Go struct field ObjectMeta.uid of type types.UID'],
    [{ metadata: { labels: 'x' } }, patched({}, { labels: 'x' }), 'json: cannot unmarshal string into Go struct field ObjectMeta.labels of type map[string]string'],
    [{ apiVersion: 'a/b/c' }, patched({ apiVersion: 'a/b/c' }), 'unexpected GroupVersion string: a/b/c'],
    [{ kind: null }, patched({ kind: undefined }), `Object 'Kind' is missing in '${patched({ kind: undefined })}'`],
    [{ kind: 5 }, patched({ kind: 5 }), "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string"],
    [{ metadata: { nope: 5 } }, patched({}, { nope: 5 }), 'strict decoding error: unknown field "metadata.nope"'],
  ];
  for (const [patch, shown, why] of cases) {
    const { status, body } = await send('PATCH', `${foos}/a?fieldValidation=Strict`, patch, { contentType: 'application/merge-patch+json' });
    const message = ` "" is invalid: patch: Invalid value: ${JSON.stringify(shown)}: ${why}`;
    expect({ status, message: body.message }).toEqual({ status: 422, message });
  }
  const elsewhere = await send('PATCH', `${foos}/a`, { apiVersion: 'other.io/v1' }, { contentType: 'application/merge-patch+json' });
  expect(elsewhere.body).toMatchObject({
    message: 'Foo.other.io "a" is invalid: apiVersion: Invalid value: "other.io/v1": must be samplecontroller.k8s.io/v1alpha1',
    details: { name: 'a', group: 'other.io', kind: 'Foo' },
  });
  const unversioned = await send('PATCH', `${foos}/a`, { apiVersion: null }, { contentType: 'application/merge-patch+json' });
  const message = "Internal error occurred: Object 'apiVersion' is missing in 'object has no apiVersion field'";
  expect(unversioned).toMatchObject({ status: 500, body: { message } });
  await undefine();
});

test('applied metadata that only the server writes may be anything, what its type refuses is told', async () => {
  await define(fooDefinition());
  const { metadata } = (await send('POST', foos, foo({ name: 'a' }))).body;
  const apply = (own: object) =>
    send('PATCH', `${foos}/a?fieldManager=m`, foo({ name: 'a', ...own }), { contentType: 'application/apply-patch+yaml' });
  const { generation, creationTimestamp } = metadata;
  for (const own of [{ creationTimestamp: 5 }, { creationTimestamp: 'x' }, { generation: 1.5 }, { deletionTimestamp: 'x' }]) {
    const applied = await apply(own);
    expect(applied).toMatchObject({ status: 200, body: { metadata: { generation, creationTimestamp } } });
    expect(applied.body.metadata).not.toHaveProperty('deletionTimestamp');
  }
  expect(await apply({ managedFields: [{ nope: 5 }] })).toMatchObject({ status: 400, body: { message: 'metadata.managedFields must be nil' } });
  const kind = '(/a; samplecontroller.k8s.io/v1alpha1, Kind=Foo)';
  expect(await apply({ managedFields: [{ operation: 5 }] })).toMatchObject({
    status: 500,
    body: { message: `failed to create typed patch object ${kind}: .metadata.managedFields[0].operation: expected string, got &value.valueUnstructured{Value:5}` },
  });
  await undefine();
});

test('a schema in a schema is read as its type reads it', async () => {
  const withField = (field: object) => fooDefinition({ schema: { type: 'object', properties: { a: { type: 'object', ...field } } } });
  const cannot = 'CustomResourceDefinition in version "v1" cannot be handled as a CustomResourceDefinition';
  const place = 'Go struct field JSONSchemaProps.spec.versions.schema.openAPIV3Schema.properties';
  const cases: [object, string][] = [
    [{ additionalProperties: 5 }, 'boolean or JSON schema expected'],
    [{ additionalItems: [{}] }, 'boolean or JSON schema expected'],
    [{ type: 5, additionalProperties: 'true' }, 'boolean or JSON schema expected'],
    [{ additionalProperties: { type: [] } }, `json: cannot unmarshal array into ${place}.additionalProperties.type of type string`],
    [{ items: [5] }, `json: cannot unmarshal number into ${place}.items of type v1.JSONSchemaProps`],
    [{ items: [{ type: 'string' }, { minimum: 'x' }] }, `json: cannot unmarshal string into ${place}.items.minimum of type float64`],
  ];
  for (const [field, why] of cases)
    expect((await send('POST', crds, withField(field))).body).toMatchObject({ code: 400, message: `${cannot}: ${why}` });
  const deep = { additionalProperties: JSON.parse(`${'{"items":'.repeat(950)}{"type":5}${'}'.repeat(950)}`) };
  expect((await send('POST', crds, withField(deep))).body.message).toMatch(/\.additionalProperties(\.items){950}\.type of type string$/);
  const { body } = await send('POST', `${crds}?dryRun=All`, withField({ items: 5 }));
  expect(body.spec.versions[0].schema.openAPIV3Schema.properties.a).toEqual({ type: 'object' });
  const schema = { type: 'object', properties: { a: { type: 'object', additionalProperties: 5 } } };
  const applied = await send('PATCH', `${crds}/${name}?fieldManager=m`, fooDefinition({ schema }), { contentType: 'application/apply-patch+yaml' });
  expect(applied).toMatchObject({ status: 500, body: { message: expect.stringMatching(/ to apiextensions.k8s.io\/v1, Kind=CustomResourceDefinition: boolean or JSON schema expected$/) } });
});

test('discovery and OpenAPI tell of resources as soon as they are served, and no more when they are gone', async () => {
  await define(
    fooDefinition({
      version: { subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.availableReplicas' } } },
      spec: { names: { kind: 'Foo', plural: 'foos', shortNames: ['fo'], categories: ['all'] } },
    }),
  );
  const resources = (await send('GET', '/apis/samplecontroller.k8s.io/v1alpha1')).body.resources;
  expect(resources).toMatchObject([
    { name: 'foos', singularName: 'foo', namespaced: true, kind: 'Foo', shortNames: ['fo'], categories: ['all'] },
    // In upstream's order.
    { name: 'foos/status', kind: 'Foo', verbs: ['get', 'patch', 'update'] },
    { name: 'foos/scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] },
  ]);
  expect(resources[0].verbs).toEqual(['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch']);
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  const groups = async () => (await send('GET', '/apis', undefined, { accept })).body.items.map((each: { metadata: { name: string } }) => each.metadata.name);
  expect(await groups()).toContain('samplecontroller.k8s.io');
  const index = async () => (await send('GET', '/openapi/v3')).body.paths;
  const { serverRelativeURL } = (await index())['apis/samplecontroller.k8s.io/v1alpha1'];
  const { components, paths } = (await send('GET', serverRelativeURL)).body;
  const component = components.schemas['io.k8s.samplecontroller.v1alpha1.Foo'];
  expect(component.properties.spec.properties.replicas).toEqual({ type: 'integer', minimum: 1, maximum: 10 });
  expect(component['x-kubernetes-group-version-kind']).toEqual([{ group: 'samplecontroller.k8s.io', version: 'v1alpha1', kind: 'Foo' }]);
  expect(Object.keys(paths)).toContain('/apis/samplecontroller.k8s.io/v1alpha1/namespaces/{namespace}/foos/{name}/scale');
  expect(components.schemas).toHaveProperty(['io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta']);
  const v2 = await send('GET', '/openapi/v2');
  expect(v2.body.definitions['io.k8s.samplecontroller.v1alpha1.Foo'].properties.spec.properties).toHaveProperty('replicas');
  await undefine();
  expect(await groups()).not.toContain('samplecontroller.k8s.io');
  expect(await index()).not.toHaveProperty(['apis/samplecontroller.k8s.io/v1alpha1']);
  expect((await send('GET', '/openapi/v2')).body.definitions).not.toHaveProperty(['io.k8s.samplecontroller.v1alpha1.Foo']);
});

test('tables have the columns of the definition', async () => {
  const column = (columnName: string, type: string, jsonPath: string, more: object = {}) => ({ name: columnName, type, jsonPath, ...more });
  await define(
    fooDefinition({
      version: {
        additionalPrinterColumns: [
          column('Replicas', 'integer', '.spec.replicas', { description: 'How many.' }),
          column('Ready', 'string', '.status.conditions[?(@.type=="Ready")].status'),
          column('Labels', 'string', '.metadata.labels'),
          column('Age', 'date', '.metadata.creationTimestamp', { priority: 1 }),
        ],
      },
    }),
  );
  await send('POST', foos, foo({ name: 'a', labels: { x: 'y' } }, { spec: { replicas: 2 } }));
  const { body } = await send('GET', foos, undefined, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
  expect(body.columnDefinitions.map((each: { name: string }) => each.name)).toEqual(['Name', 'Replicas', 'Ready', 'Labels', 'Age']);
  expect(body.columnDefinitions[2].description).toBe('Custom resource definition column (in JSONPath format): .status.conditions[?(@.type=="Ready")].status');
  expect(body.rows[0].cells.slice(0, 4)).toEqual(['a', 2, null, '{"x":"y"}']);
  expect(body.rows[0].cells[4]).toMatch(/^\d+s$/);
  await undefine();
});

test('a scale is written where there are no namespaces, too', async () => {
  const subresources = { scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.availableReplicas' } };
  const definition = fooDefinition({ version: { subresources } });
  await define({ ...definition, spec: { ...(definition.spec as object), scope: 'Cluster' } });
  const all = foos.replace('/namespaces/default', '');
  await send('POST', all, foo({ name: 'a' }, { spec: { deploymentName: 'd', replicas: 1 } }));
  for (const [contentType, body] of [
    ['application/merge-patch+json', { spec: { replicas: 4 } }],
    ['application/json-patch+json', [{ op: 'replace', path: '/spec/replicas', value: 4 }]],
  ] as const)
    expect(await send('PATCH', `${all}/a/scale`, body, { contentType })).toMatchObject({ status: 200, body: { kind: 'Scale', spec: { replicas: 4 } } });
  await undefine();
});

test('a scale reads and writes the fields the definition names', async () => {
  const subresources = { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.availableReplicas', labelSelectorPath: '.status.selector' } };
  const { versions } = fooDefinition().spec as { versions: { schema: { openAPIV3Schema: { properties: { status: { properties: object } } } } }[] };
  const schema = structuredClone(versions[0]?.schema.openAPIV3Schema);
  Object.assign(schema?.properties.status.properties ?? {}, { selector: { type: 'string' } });
  await define(fooDefinition({ ...(schema ? { schema } : {}), version: { subresources } }));
  await send('POST', foos, foo({ name: 'a' }, { spec: { deploymentName: 'd' } }));
  expect((await send('GET', `${foos}/a/scale`)).body).toMatchObject({ code: 500, message: 'Internal error occurred: the spec replicas field ".spec.replicas" does not exist' });
  const scaled = await send('PATCH', `${foos}/a/scale`, { spec: { replicas: 4 } }, { contentType: 'application/merge-patch+json' });
  expect(scaled.body).toMatchObject({ kind: 'Scale', apiVersion: 'autoscaling/v1', spec: { replicas: 4 }, status: { replicas: 0 } });
  const other = await send('PUT', `${foos}/a/scale`, foo({ name: 'a' }));
  expect(other.body).toMatchObject({ code: 400, message: 'no kind is registered for the type v1.Scale in scheme "pkg/runtime/scheme.go:111"' });
  const dependencies = [{ op: 'add', path: '/spec/versions/0/schema/openAPIV3Schema/dependencies', value: { a: ['b'], c: { type: 'string' } } }];
  const shown = await send('PATCH', `${crds}/${name}?dryRun=All`, dependencies, { contentType: 'application/json-patch+json' });
  expect(shown.body.message).toMatch(/"Dependencies":\{"a":\{"Schema":null,"Property":\["b"\]\},"c":\{"Schema":\{"ID":"",.*\},"Property":null\}\},"AdditionalItems"/);
  const none = await send('PATCH', `${crds}/${name}?dryRun=All`, [{ ...dependencies[0], value: {} }], { contentType: 'application/json-patch+json' });
  expect(none.body.message).toContain('dependencies: Forbidden: dependencies is not supported');
  await send('PATCH', `${foos}/a/status`, { status: { availableReplicas: 3, selector: 'a=b' } }, { contentType: 'application/merge-patch+json' });
  expect((await send('GET', `${foos}/a/scale`)).body.status).toEqual({ replicas: 3, selector: 'a=b' });
  expect((await send('GET', `${foos}/a`)).body.spec).toEqual({ deploymentName: 'd', replicas: 4 });
  const many = await send('PATCH', `${foos}/a/scale`, { spec: { replicas: 40 } }, { contentType: 'application/merge-patch+json' });
  expect(many.body.message).toBe('Foo.samplecontroller.k8s.io "a" is invalid: spec.replicas: Invalid value: 40: spec.replicas in body should be less than or equal to 10');
  await undefine();
});

test('selectable fields select', async () => {
  await define(fooDefinition({ version: { selectableFields: [{ jsonPath: '.spec.deploymentName' }] } }));
  for (const each of ['a', 'b']) await send('POST', foos, foo({ name: each }, { spec: { deploymentName: `d-${each}` } }));
  const found = (await send('GET', `${foos}?fieldSelector=spec.deploymentName%3Dd-b`)).body.items;
  expect(found.map((each: { metadata: { name: string } }) => each.metadata.name)).toEqual(['b']);
  expect((await send('GET', `${foos}?fieldSelector=spec.replicas%3D1`)).body).toMatchObject({ code: 400, message: 'field label not supported: spec.replicas' });
  await send('DELETE', `${foos}?fieldSelector=spec.deploymentName%3Dd-b`);
  expect((await send('GET', foos)).body.items).toHaveLength(1);
  const { schemas } = (await send('GET', '/openapi/v3/apis/samplecontroller.k8s.io/v1alpha1')).body.components;
  const { definitions } = (await send('GET', '/openapi/v2')).body;
  for (const published of [schemas, definitions])
    for (const kind of ['Foo', 'FooList'])
      expect(published[`io.k8s.samplecontroller.v1alpha1.${kind}`]).toHaveProperty('x-kubernetes-selectable-fields', [{ fieldPath: 'spec.deploymentName' }]);
  await undefine();
});

/** Renames spec.replicas to spec.count on the way from v1alpha1 to v1, and back. */
const renaming: Answerer = ({ body: { request, apiVersion } }) => ({
  kind: 'ConversionReview',
  apiVersion,
  response: {
    uid: request.uid,
    result: { status: 'Success' },
    convertedObjects: request.objects.map((object: { spec?: Record<string, unknown> }) => {
      const [from, to] = request.desiredAPIVersion.endsWith('/v1') ? ['replicas', 'count'] : ['count', 'replicas'];
      const { [from]: value, ...rest } = object.spec ?? {};
      const spec = value === undefined ? rest : { ...rest, [to]: value };
      return { ...object, apiVersion: request.desiredAPIVersion, ...(object.spec ? { spec } : {}) };
    }),
  },
});

async function converting(answer: Answerer) {
  const hook = await aWebhookServer(answer);
  const v1 = {
    name: 'v1',
    served: true,
    storage: false,
    schema: { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { count: { type: 'integer' } } } } } },
  };
  const { versions } = fooDefinition().spec as { versions: object[] };
  const webhook = { clientConfig: { url: `${hook.url}/convert`, caBundle: hook.caBundle }, conversionReviewVersions: ['v1'] };
  await define(fooDefinition({ spec: { versions: [...versions, v1], conversion: { strategy: 'Webhook', webhook } } }));
  return hook;
}

const newer = foos.replace('v1alpha1', 'v1');

test('a webhook converts between versions, several objects at once, also for those who watch', async () => {
  await using hook = await converting(renaming);
  for (const each of ['a', 'b', 'c']) await send('POST', foos, foo({ name: each }, { spec: { replicas: 5 } }));
  expect(hook.asked).toHaveLength(0);
  const { items, metadata } = (await send('GET', newer)).body;
  expect(items.map((each: { spec: object; apiVersion: string }) => [each.apiVersion, each.spec])).toEqual(Array(3).fill(['samplecontroller.k8s.io/v1', { count: 5 }]));
  expect(hook.asked).toHaveLength(1);
  expect(hook.asked[0]?.body).toMatchObject({ kind: 'ConversionReview', apiVersion: 'apiextensions.k8s.io/v1', request: { desiredAPIVersion: 'samplecontroller.k8s.io/v1' } });
  const made = await send('POST', newer, { ...foo({ name: 'd' }, { spec: { count: 7 } }), apiVersion: 'samplecontroller.k8s.io/v1' });
  expect(made).toMatchObject({ status: 201, body: { apiVersion: 'samplecontroller.k8s.io/v1', spec: { count: 7 } } });
  expect((await send('GET', `${foos}/d`)).body.spec).toEqual({ replicas: 7 });
  const seen: object[] = [];
  const stop = new AbortController();
  const watching = server.stream(
    { method: 'GET', path: `${newer}?watch=true&resourceVersion=${metadata.resourceVersion}` },
    (line) => {
      if (line !== '') seen.push(JSON.parse(line));
    },
    stop.signal,
  );
  await send('PATCH', `${foos}/a`, { spec: { replicas: 6 } }, { contentType: 'application/merge-patch+json' });
  await expect.poll(() => seen).toMatchObject([
    { type: 'ADDED', object: { metadata: { name: 'd' }, spec: { count: 7 } } },
    { type: 'MODIFIED', object: { apiVersion: 'samplecontroller.k8s.io/v1', metadata: { name: 'a' }, spec: { count: 6 } } },
  ]);
  stop.abort();
  await watching.catch(() => undefined);
  await undefine();
});

test('a webhook that fails to convert is answered with what it said, and nothing is stored', async () => {
  let answer: Answerer = renaming;
  await using _hook = await converting((asked, response) => answer(asked, response));
  await send('POST', foos, foo({ name: 'a' }, { spec: { replicas: 5 } }));
  const about = 'conversion webhook for samplecontroller.k8s.io/v1alpha1, Kind=Foo';
  const said = async () => (await send('GET', `${newer}/a`)).body;
  answer = ({ body }) => ({ ...body, response: { uid: body.request.uid, result: { status: 'Failed', message: 'no way' } } });
  expect(await said()).toMatchObject({ code: 500, message: `${about} failed: no way` });
  answer = ({ body }) => ({ ...body, response: { uid: 'another', result: { status: 'Success' }, convertedObjects: [] } });
  expect((await said()).message).toContain(`${about} failed: expected response.uid=`);
  answer = ({ body }) => ({ ...body, response: { uid: body.request.uid, result: { status: 'Success' }, convertedObjects: [] } });
  expect((await said()).message).toBe(`${about} returned 0 objects, expected 1`);
  answer = (asked, response) => {
    const review = renaming(asked, response) as { response: { convertedObjects: { metadata: { name: string } }[] } };
    for (const each of review.response.convertedObjects) each.metadata.name = 'other';
    return review;
  };
  expect((await said()).message).toContain('must have the same name: a != other');
  /** Each as kube-apiserver 1.36.3 tells it. */
  const changed =
    (change: (object: Record<string, unknown>) => unknown): Answerer =>
    (asked, response) => {
      const review = renaming(asked, response) as { response: { convertedObjects: Record<string, unknown>[] } };
      return { ...review, response: { ...review.response, convertedObjects: review.response.convertedObjects.map(change) } };
    };
  const page: Answerer = (_, response) => void response.setHeader('content-type', 'text/html').end('<html>hello</html>');
  const noObject = `json: cannot unmarshal string into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`;
  const noVersion = `${about} returned invalid object at index 0: invalid groupVersion (expected samplecontroller.k8s.io/v1, received )`;
  for (const [given, message] of [
    [() => 'nonsense', `${about} failed: couldn't get version/kind; json parse error: ${noObject}`],
    [page, `${about} failed: couldn't get version/kind; json parse error: ${noObject}`],
    [changed(() => null), 'unexpected end of JSON input'],
    [changed(() => 'x'), 'json: cannot unmarshal string into Go value of type map[string]interface {}'],
    [changed((object) => ({ ...object, metadata: { name: 5 } })), `${about} returned invalid object: must have the same name: a != `],
    [changed((object) => ({ ...object, apiVersion: 3 })), noVersion],
    [changed(() => ({ apiVersion: 'samplecontroller.k8s.io/v1' })), `Object 'Kind' is missing in '{"apiVersion":"samplecontroller.k8s.io/v1"}'`],
  ] satisfies [Answerer, string][]) {
    answer = given;
    expect(await said()).toMatchObject({ code: 500, message });
  }
  const stored = await send('POST', newer, { ...foo({ name: 'b' }, { spec: { count: 1 } }), apiVersion: 'samplecontroller.k8s.io/v1' });
  expect(stored.status).toBe(500);
  expect((await send('GET', foos)).body.items).toHaveLength(1);
  await undefine();
});

/** They are in the order of their seconds, and by name within one: two changes may be of one second or not. */
const byManager = (a: { manager: string }, b: { manager: string }) => (a.manager < b.manager ? -1 : 1);

test('fields are followed across versions that a webhook converts, by changes and by apply', async () => {
  await using _hook = await converting(renaming);
  await send('POST', foos, foo({ name: 'a' }, { spec: { replicas: 5 } }), { headers: { 'user-agent': 'maker' } });
  const merge = { contentType: 'application/merge-patch+json', headers: { 'user-agent': 'changer' } };
  const changed = await send('PATCH', `${newer}/a`, { metadata: { labels: { by: 'v1' } }, spec: { count: 6 } }, merge);
  const count = { 'f:spec': { 'f:count': {} } };
  expect(changed.body.metadata.managedFields.sort(byManager)).toMatchObject([
    { manager: 'changer', apiVersion: 'samplecontroller.k8s.io/v1', fieldsV1: { ...count, 'f:metadata': { 'f:labels': { 'f:by': {} } } } },
    // The other version's name of what was changed is its maker's no more.
    { manager: 'maker', apiVersion: 'samplecontroller.k8s.io/v1alpha1', fieldsV1: { 'f:spec': {} } },
  ]);
  const apply = (path: string, version: string, spec: object, query: string) =>
    send('PATCH', `${path}/a?fieldManager=applier${query}`, { ...foo({ name: 'a' }, { spec }), apiVersion: `samplecontroller.k8s.io/${version}` }, { contentType: 'application/apply-patch+yaml' });
  expect(await apply(foos, 'v1alpha1', { replicas: 7 }, '')).toMatchObject({
    status: 409,
    body: { message: expect.stringContaining('conflict with "changer" using samplecontroller.k8s.io/v1: .spec.count') },
  });
  const applied = await apply(foos, 'v1alpha1', { replicas: 7 }, '&force=true');
  expect(applied.body).toMatchObject({ spec: { replicas: 7 }, metadata: { labels: { by: 'v1' } } });
  expect(applied.body.metadata.managedFields.sort(byManager).map(({ manager }: { manager: string }) => manager)).toEqual(['applier', 'changer', 'maker']);
  // What it applied in one version and leaves out in the other goes; a map of which nothing is left is null, and no map, as upstream has it (structured-merge-diff RemoveItems).
  expect(await apply(newer, 'v1', {}, '')).toMatchObject({
    status: 422,
    body: { message: expect.stringContaining('spec: Invalid value: "null": spec in body must be of type object: "null"') },
  });
  await undefine();
});

test('objects are moved to another storage version by writing them once more, with and without a webhook', async () => {
  for (const strategy of ['Webhook', 'None']) {
    await using hook = await converting(renaming);
    await send('POST', foos, foo({ name: 'a' }, { spec: { replicas: 5 } }));
    const { body: definition } = await send('GET', `${crds}/${name}`);
    for (const version of definition.spec.versions) version.storage = version.name === 'v1';
    if (strategy === 'None') definition.spec.conversion = { strategy };
    expect((await send('PUT', `${crds}/${name}`, definition)).status).toBe(200);
    await expect.poll(async () => (await send('GET', `${crds}/${name}`)).body.status.storedVersions).toEqual(['v1alpha1', 'v1']);
    const { body: before } = await send('GET', `${newer}/a`);
    const { body: moved } = await send('PUT', `${newer}/a`, before);
    expect(moved.metadata.resourceVersion).not.toBe(before.metadata.resourceVersion);
    expect((await send('PUT', `${newer}/a`, moved)).body.metadata.resourceVersion).toBe(moved.metadata.resourceVersion);
    const asked = hook.asked.length;
    expect((await send('GET', `${newer}/a`)).body.spec).toEqual(strategy === 'None' ? {} : { count: 5 });
    expect(hook.asked).toHaveLength(asked);
    await undefine();
  }
});

test('who gets an object has it converted anew, packed or not, and conversions are counted by what became of them', async () => {
  let answer: Answerer = renaming;
  await using _hook = await converting((asked, response) => answer(asked, response));
  await send('POST', foos, foo({ name: 'a' }, { spec: { replicas: 5 } }));
  expect((await send('GET', newer)).body.items).toHaveLength(1);
  answer = (asked, response) => {
    response.setHeader('content-encoding', 'gzip');
    response.end(gzipSync(JSON.stringify(renaming(asked, response)).replace('"count":5', '"count":6')));
  };
  expect((await send('GET', `${newer}/a`)).body.spec).toEqual({ count: 6 });
  answer = (_asked, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('{', () => response.destroy());
  };
  const retry = 'unexpected error when reading response body. Please retry. Original error: unexpected EOF';
  expect((await send('GET', `${newer}/a`)).body.message).toContain(`failed: ${retry}`);
  answer = ({ body }) => ({ ...body, response: { uid: body.request.uid, result: { status: 'Failed' } } });
  const before = await server.send({ method: 'GET', path: '/metrics' });
  expect(await send('GET', `${newer}/a`)).toMatchObject({ status: 500 });
  const after = await server.send({ method: 'GET', path: '/metrics' });
  const count = (text: string, series: string) => Number(text.split('\n').find((line) => line.startsWith(`${series} `))?.split(' ')[1] ?? 0);
  const how = 'failure_type="conversion_webhook_malformed_response_failure",result="failure"';
  const what = 'crd_name="foos.samplecontroller.k8s.io",from_version="v1alpha1",succeeded="false",to_version="v1"';
  for (const series of [
    `apiserver_conversion_webhook_request_total{${how}}`,
    `apiserver_conversion_webhook_duration_seconds_count{${how}}`,
    `apiserver_crd_conversion_webhook_duration_seconds_count{${what}}`,
  ])
    expect([series, count(after.text, series)]).toEqual([series, count(before.text, series) + 1]);
  await undefine();
});

test('a dry run is converted to what would be stored, and fails where that fails', async () => {
  let answer: Answerer = renaming;
  await using _hook = await converting((asked, response) => answer(asked, response));
  const tried = () => send('POST', `${newer}?dryRun=All`, { ...foo({ name: 'd' }, { spec: { count: 7 } }), apiVersion: 'samplecontroller.k8s.io/v1' });
  expect(await tried()).toMatchObject({ status: 201, body: { apiVersion: 'samplecontroller.k8s.io/v1', spec: { count: 7 } } });
  answer = ({ body }) => ({ ...body, response: { uid: body.request.uid, result: { status: 'Failed', message: 'no way' } } });
  expect((await tried()).body).toMatchObject({ code: 500, message: 'conversion webhook for samplecontroller.k8s.io/v1, Kind=Foo failed: no way' });
  answer = (_asked, response) => {
    response.statusCode = 503;
    return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'not today', code: 503 };
  };
  expect((await tried()).body.message).toBe('conversion webhook for samplecontroller.k8s.io/v1, Kind=Foo failed: not today');
  answer = (_asked, response) => void response.end();
  expect((await tried()).body.message).toContain('failed: 0-length response with status code: 200 and content type: application/json');
  await undefine();
});

/** Whatever the method, as upstream's handler goes by what the path means alone. */
test('a path below watch/ watches custom objects, by any method, and what is not served is told in upstream’s words', async () => {
  await define(fooDefinition());
  for (const named of ['a', 'b']) await send('POST', foos, foo({ name: named }));
  const group = '/apis/samplecontroller.k8s.io/v1alpha1';
  const seen = async (method: string, path: string, most: number) => {
    const lines: string[] = [];
    const stop = new AbortController();
    const watching = server.stream({ method, path: `${group}/${path}?timeoutSeconds=5` }, (line) => lines.push(line) >= most && stop.abort(), stop.signal);
    await watching.catch(() => undefined);
    return lines.map((line) => JSON.parse(line).object.metadata.name as string).sort();
  };
  for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) expect(await seen(method, 'watch/namespaces/default/foos', 2)).toEqual(['a', 'b']);
  // One name, in all namespaces.
  expect(await seen('POST', 'watch/foos/b', 1)).toEqual(['b']);
  const answer = async (method: string, path: string) => {
    const { status, body, text } = await send(method, `${group}/${path}`);
    return [status, body?.message ?? text];
  };
  expect(await answer('HEAD', 'watch/namespaces/default/foos?timeoutSeconds=1')).toEqual([200, '']);
  const watch = 'watch is not supported on resources of kind "foos.samplecontroller.k8s.io"';
  for (const method of ['GET', 'POST']) expect(await answer(method, 'watch/namespaces/default/foos/a/status')).toEqual([405, watch]);
  expect(await answer('POST', 'namespaces/default/foos/a/status')).toEqual([405, watch.replace('watch', 'create')]);
  expect(await answer('GET', 'namespaces/default/foos/a/none')).toEqual([404, 'foos.samplecontroller.k8s.io "a" not found']);
  for (const [method, path] of [['POST', 'foos'], ['DELETE', 'foos'], ['GET', 'foos/a'], ['GET', 'foos/a/none'], ['GET', 'namespaces/default/bars']] as const)
    expect(await answer(method, path)).toEqual([404, '404 page not found\n']);
  await undefine();
});

test('custom objects are found by what a method means, whatever the path, as upstream does', async () => {
  await define(fooDefinition());
  // The server's controllers sign what they say of the definition.
  const { body: defined } = await send('GET', `${crds}/${name}`);
  const signed = defined.metadata.managedFields.find(({ subresource }: { subresource?: string }) => subresource === 'status');
  expect(signed).toMatchObject({ manager: 'kube-apiserver', operation: 'Update' });
  expect(Object.keys(signed.fieldsV1['f:status'])).toEqual(['f:acceptedNames', 'f:conditions']);
  await send('POST', foos, foo({ name: 'a' }));
  const answer = async (method: string, path: string, object?: object) => {
    const { status, body, text } = await send(method, path, object);
    return [status, body?.message ?? body?.kind ?? text];
  };
  const one = `${foos}/a`;
  const refused = (verb: string) => [405, `${verb} is not supported on resources of kind "foos.samplecontroller.k8s.io"`];
  for (const method of ['PUT', 'PATCH']) expect(await answer(method, foos, foo({ name: 'a' }))).toEqual([400, 'name must be provided']);
  for (const path of [foos, one]) for (const method of ['OPTIONS', 'PROPFIND']) expect(await answer(method, path)).toEqual(refused(''));
  expect(await answer('POST', one, foo({ name: 'a' }))).toEqual([409, 'foos.samplecontroller.k8s.io "a" already exists']);
  expect(await answer('POST', `${foos}/c`, foo({ name: 'b' }))).toEqual([201, 'Foo']);
  const { body: page } = await send('GET', `${foos}?limit=1`);
  expect(page.metadata).toMatchObject({ continue: expect.stringMatching(/./), remainingItemCount: 1 });
  expect((await send('GET', foos)).body.metadata).toEqual({ continue: '', resourceVersion: expect.stringMatching(/^\d+$/) });
  expect(await answer('GET', foos.replace('/namespaces', '/proxy/namespaces'))).toEqual(refused('proxy'));
  expect(await answer('POST', '/apis/samplecontroller.k8s.io')).toEqual([200, 'APIGroup']);
  expect(await answer('POST', '/apis/samplecontroller.k8s.io/v1alpha1')).toEqual([200, 'APIResourceList']);
  const text = await send('POST', foos, undefined, { raw: 'x', contentType: 'text/plain' });
  expect(text).toMatchObject({ status: 415, body: { message: expect.stringMatching(/application\/json, application\/yaml, application\/vnd.kubernetes.protobuf$/) } });
  await undefine();
});
