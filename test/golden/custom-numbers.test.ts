import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { fooDefinition } from '../../orchestrator/src/api-server/custom-resources/custom-resources.harness.ts';
import { anApiServer } from '../harness/api-server.ts';

/** Numbers of custom resources in all the forms that JSON has; the answers are a kube-apiserver's. */

const foos = '/apis/samplecontroller.k8s.io/v1alpha1/namespaces/default/foos';
const properties = {
  any: { 'x-kubernetes-preserve-unknown-fields': true },
  replicas: { type: 'integer' },
  integer: { type: 'integer' },
  small: { type: 'integer', maximum: 7 },
  half: { type: 'number', multipleOf: 0.5 },
  chosen: { type: 'number', enum: [1, 2.5] },
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
  await vi.waitFor(async () => expect((await server.send({ method: 'GET', path: foos })).status).toBe(200), 30_000);
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
