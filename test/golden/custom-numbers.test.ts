import { afterAll, beforeAll, expect, test } from 'vitest';
import { fooDefinition } from '../../orchestrator/src/api-server/custom-resources/custom-resources.harness.ts';
import { anApiServer } from '../harness/api-server.ts';
import { eventually } from '../harness/eventually.ts';

/** Numbers of custom resources, and of built-in kinds, in all the forms that JSON has; the answers are a kube-apiserver's. */

const foos = '/apis/samplecontroller.k8s.io/v1alpha1/namespaces/default/foos';
const properties = {
  any: { 'x-kubernetes-preserve-unknown-fields': true },
  replicas: { type: 'integer' },
  integer: { type: 'integer' },
  small: { type: 'integer', maximum: 7 },
  half: { type: 'number', multipleOf: 0.5 },
  chosen: { type: 'number', enum: [1, 2.5] },
  switch: { type: 'boolean' },
  date: { type: 'string', format: 'date-time' },
  set: { type: 'array', items: { type: 'integer' }, 'x-kubernetes-list-type': 'set' },
};
const schema = { type: 'object', properties: { spec: { type: 'object', properties } } };
const scale = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' };

let server: Awaited<ReturnType<typeof anApiServer>>;
beforeAll(async () => {
  server = await anApiServer();
  const body = fooDefinition({ schema, version: { subresources: { scale } } });
  const made = await server.send({ method: 'POST', path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', contentType: 'application/json', body });
  if (made.status !== 201) throw new Error(made.text);
  await eventually(async () => (await server.send({ method: 'GET', path: foos })).status === 200);
});
afterAll(() => server[Symbol.asyncDispose]());

async function send(method: string, path: string, raw: string, contentType = 'application/json') {
  const { text } = await server.send({ method, path, raw, contentType });
  return { text, json: JSON.parse(text) };
}

const create = (spec: string, query = '?dryRun=All') =>
  send('POST', `${foos}${query}`, `{"apiVersion":"samplecontroller.k8s.io/v1alpha1","kind":"Foo","metadata":{"name":"a"},"spec":${spec}}`);

test.each([
  ['1.0', '1'],
  ['1e3', '1000'],
  ['-0', '0'],
  ['1E21', '1e+21'],
  ['0.00000010', '1e-7'],
  ['9007199254740993', '9007199254740993'],
  ['9223372036854775808', '9223372036854776000'],
  ['5e-324', '5e-324'],
])('%s is stored as %s', async (sent, stored) => {
  expect((await create(`{"any":${sent}}`)).text).toContain(`"spec":{"any":${stored}}`);
});

test('in a set a number with a point is another than one without', async () => {
  for (const set of ['[1,1.0]', '[1e0,1]']) expect((await create(`{"set":${set}}`)).text).toContain('"spec":{"set":[1,1]}');
  for (const set of ['[1,1]', '[1.0,1e0]']) expect((await create(`{"set":${set}}`)).json.message).toContain('spec.set[1]: Duplicate value: 1');
});

test.each<[string, readonly string[]]>([
  ['{"replicas":1.0}', ['.spec.replicas: Invalid value: 0: .spec.replicas accessor error: 1 is of the type float64, expected int64']],
  ['{"replicas":9223372036854775807}', ['.spec.replicas: Invalid value: 9223372036854775807: should be less than or equal to 2147483647']],
  ['{"small":1e20}', ['spec.small: Invalid value: "number": spec.small in body must be of type integer: "number"', 'Checked value must be of type integer (default format) in spec.small', 'spec.small: Invalid value: 1e+20: spec.small in body should be less than or equal to 7']],
  ['{"integer":-9223372036854775809}', ['spec.integer: Invalid value: "number": spec.integer in body must be of type integer: "number"', 'Checked value must be of type integer (default format) in spec.integer']],
  ['{"half":1e-7}', ['spec.half: Invalid value: 1e-07: spec.half in body should be a multiple of 0.5']],
  ['{"half":5e-324}', ['spec.half: Invalid value: 5e-324: spec.half in body should be a multiple of 0.5']],
  ['{"half":9223372036854775808}', ['spec.half: Invalid value: 9.223372036854776e+18: spec.half in body should be a multiple of 0.5']],
  ['{"integer":1e18}', ['spec.integer: Invalid value: "number": spec.integer in body must be of type integer: "number"']],
  ['{"integer":9007199254740993.0}', ['spec.integer: Invalid value: "number": spec.integer in body must be of type integer: "number"']],
  ['{"small":1e3}', ['spec.small: Invalid value: 1000: spec.small in body should be less than or equal to 7']],
  ['{"small":8e6}', ['spec.small: Invalid value: 8e+06: spec.small in body should be less than or equal to 7']],
  ['{"switch":1.0}', ['spec.switch: Invalid value: "number": spec.switch in body must be of type boolean: "number"']],
  ['{"set":1.0}', ['spec.set: Invalid value: "number": spec.set in body must be of type array: "number"']],
  ['{"date":0.0}', ['spec.date: Invalid value: "float64": spec.date in body must be of type date-time: "float64"']],
  ['{"chosen":-0.0}', ['spec.chosen: Unsupported value: -0: supported values: "1", "2.5"']],
  ['{"chosen":1e18}', ['spec.chosen: Unsupported value: 1e+18: supported values: "1", "2.5"']],
  ['{"chosen":0.9}', ['spec.chosen: Unsupported value: 0.9: supported values: "1", "2.5"']],
])('of %s is told what is wrong', async (spec, problems) => {
  const { json } = await create(spec);
  for (const problem of problems) expect(json.message).toContain(problem);
});

test('a float is one of the integers that are allowed where it begins with it, as upstream cuts it off', async () => {
  expect((await create('{"chosen":1.10}')).text).toContain('"spec":{"chosen":1.1}');
});

test('what no float holds is told of the kind', async () => {
  const why = 'json: cannot unmarshal number 1E400 into Go value of type float64';
  expect((await create('{"any":1E400}')).json).toMatchObject({ code: 400, message: `Foo in version "v1alpha1" cannot be handled as a Foo: ${why}` });
});

const deployment = (replicas: string, type: string) =>
  send(
    'POST',
    '/apis/apps/v1/namespaces/default/deployments?dryRun=All',
    `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"},"spec":{"replicas":${replicas},"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}`,
    type,
  );
const notRead = (number: string) =>
  `Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal number ${number} into Go struct field DeploymentSpec.spec.replicas of type int32`;

test.each([
  ['1e3', 1000],
  ['1.0', 1],
  ['-0.0', 0],
  ['1000e-3', 1],
  ['1e-400', 0],
])('of a built-in kind an integer is not written as %s, but in YAML, which JSON is as well', async (written, replicas) => {
  expect((await deployment(written, 'application/json')).json).toMatchObject({ code: 400, message: notRead(written) });
  expect((await deployment(written, 'application/yaml')).json.spec.replicas).toBe(replicas);
});

test.each([
  ['1e-3', '0.001'],
  ['1e19', '10000000000000000000'],
  ['1e308', '1e+308'],
  ['-9223372036854775809', '-9223372036854776000'],
])('in YAML %s is told as %s', async (written, told) => {
  expect((await deployment(written, 'application/yaml')).json).toMatchObject({ code: 400, message: notRead(told) });
});

test('of a built-in kind what no float holds is told of its field, and is nothing where no field takes it', async () => {
  for (const written of ['1e400', '-1E400', '9'.repeat(400)])
    expect((await deployment(written, 'application/json')).json).toMatchObject({ code: 400, message: notRead(written) });
  const path = '/api/v1/namespaces/default/configmaps?dryRun=All';
  const map = (more: string) => send('POST', path, `{"metadata":{"name":"a"},${more}}`);
  expect((await map('"unknown":1e400')).json).toMatchObject({ kind: 'ConfigMap', metadata: { name: 'a' } });
  const why = 'json: cannot unmarshal number into Go struct field ConfigMap.data of type string';
  expect((await map('"data":{"a":1e400}')).json.message).toBe(`ConfigMap in version "v1" cannot be handled as a ConfigMap: ${why}`);
  // Upstream keeps bytes there, which no number of ours is; it must not become another value.
  const revisions = '/apis/apps/v1/namespaces/default/controllerrevisions';
  const { json } = await send('POST', revisions, '{"metadata":{"name":"a"},"revision":1,"data":{"a":1e400}}');
  expect(json).toMatchObject({ code: 400, message: expect.stringContaining('cannot unmarshal number 1e400 into Go value of type float64') });
});

test('a JSON patch compares numbers as they are written', async () => {
  await create('{"any":{"a":1,"b":[1.0,1e3],"c":9223372036854775808}}', '');
  const tested = async (path: string, value: string) =>
    (await send('PATCH', `${foos}/a?dryRun=All`, `[{"op":"test","path":"/spec/any${path}","value":${value}}]`, 'application/json-patch+json')).json.code ?? 200;
  expect([await tested('/a', '1'), await tested('/a', '1.0'), await tested('/a', '1e0')]).toEqual([200, 422, 422]);
  expect([await tested('/b', '[1,1000]'), await tested('/b', '[1.0,1000]'), await tested('/b/1', '1e3')]).toEqual([200, 422, 422]);
  expect([await tested('/c', '9223372036854776000'), await tested('/c', '9223372036854775808')]).toEqual([200, 422]);
  expect(await tested('', '{"c":9223372036854776000,"b":[1,1000],"a":1}')).toBe(200);
});

test('a scale that there is no number for is an internal error that says so', async () => {
  const { json } = await send('GET', `${foos}/a/scale`, '');
  const message = 'the spec replicas field ".spec.replicas" does not exist';
  expect(json).toMatchObject({ code: 500, message: `Internal error occurred: ${message}`, details: { causes: [{ message }] } });
});
