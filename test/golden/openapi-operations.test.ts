import { afterAll, beforeAll, expect, test } from 'vitest';
import { fooDefinition } from '../../orchestrator/src/api-server/custom-resources/custom-resources.harness.ts';
import { anApiServer } from '../harness/api-server.ts';
import { goldenFile } from './resource-rules.ts';

interface Content {
  readonly [type: string]: { readonly schema: { readonly $ref?: string; readonly type?: string } };
}
interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description: string;
  readonly schema: { readonly type: string };
}
interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Content; readonly required?: boolean };
  readonly responses: Record<string, { readonly content?: Content }>;
  readonly 'x-kubernetes-action'?: string;
  readonly 'x-kubernetes-group-version-kind'?: { readonly group: string; readonly version: string; readonly kind: string };
}
interface Document {
  readonly info: object;
  readonly paths: Record<string, Record<string, Operation> & { readonly parameters?: readonly Parameter[] }>;
  readonly components: { readonly schemas: object; readonly securitySchemes?: object };
}

type Shape = number;
type Told = readonly [operationId: string, kind: string | null, sent: string | null, answered: string, shape: Shape];
type ToldPath = { readonly tag: string; readonly parameters: Shape } & Record<string, Told>;

/** What kube-apiserver 1.36.3 tells in `/openapi/v3` of its kinds' GA versions, and of a namespaced and a cluster-wide custom kind. */
const golden = goldenFile<{ builtIn: Record<string, ToldPath>; custom: Record<string, ToldPath>; shapes: unknown[] }>('openapi-operations.json');

let server: Awaited<ReturnType<typeof anApiServer>>;
beforeAll(async () => {
  server = await anApiServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const get = async (path: string) => JSON.parse((await server.send({ method: 'GET', path })).text);

const schemaOf = (content: Content | undefined) => {
  const schema = Object.values(content ?? {})[0]?.schema;
  return schema?.$ref?.split('/').pop() ?? schema?.type ?? null;
};
const parametersOf = (all: readonly Parameter[] = []) => all.map((each) => `${each.name} ${each.in} ${each.schema.type}${each.required ? ' required' : ''}`);
const typesOf = (content: Content = {}) => Object.keys(content).sort();

function told({ operationId, requestBody, responses, parameters, ...operation }: Operation) {
  const kind = operation['x-kubernetes-group-version-kind'];
  const shape = {
    action: operation['x-kubernetes-action'],
    parameters: parametersOf(parameters),
    ...(requestBody ? { sent: { types: typesOf(requestBody.content), required: requestBody.required ?? false } } : {}),
    answers: Object.entries(responses).map(([code, { content }]) => [code, typesOf(content)]),
  };
  const which = kind ? `${kind.group}/${kind.version} ${kind.kind}` : null;
  return [operationId, which, schemaOf(requestBody?.content), schemaOf(responses['200']?.content), shape];
}

function shownPath({ parameters, ...operations }: Document['paths'][string]) {
  const methods = Object.entries(operations as Record<string, Operation>);
  return { tag: methods[0]?.[1].tags[0], parameters: parametersOf(parameters), ...Object.fromEntries(methods.map(([method, each]) => [method, told(each)])) };
}

function expanded({ tag, parameters, ...operations }: ToldPath) {
  const methods = Object.entries(operations as Record<string, Told>).map(([method, [id, kind, sent, answered, shape]]) => [
    method,
    [id, kind, sent, answered, golden.shapes[shape]],
  ]);
  return { tag, parameters: golden.shapes[parameters], ...Object.fromEntries(methods) };
}

const versionOf = (path: string) => path.split('/').slice(1, path.startsWith('/api/') ? 3 : 4).join('/');
const byVersion = Map.groupBy(Object.entries(golden.builtIn), ([path]) => versionOf(path));

test.each([...byVersion])('the operations of %s are those that clients are generated of', async (version, paths) => {
  const document: Document = await get(`/openapi/v3/${version}`);
  const shown = Object.fromEntries(Object.entries(document.paths).map(([path, item]) => [path, shownPath(item)]));
  expect(shown).toEqual(Object.fromEntries(paths.map(([path, item]) => [path, expanded(item)])));
  expectWhole(document);
  expect(document.components.securitySchemes).toMatchObject({ BearerToken: { type: 'apiKey', name: 'authorization', in: 'header' } });
});

test('so are those of custom kinds', async () => {
  const scales = { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.availableReplicas' } };
  for (const [kind, scope, subresources] of [
    ['Foo', 'Namespaced', scales],
    ['Bar', 'Cluster', {}],
  ] as const) {
    const plural = `${kind.toLowerCase()}s`;
    const version = { name: 'v1', subresources };
    const definition = fooDefinition({ version, spec: { group: 'ex.example.com', scope, names: { kind, plural } } });
    const body = { ...definition, metadata: { name: `${plural}.ex.example.com` } };
    const made = await server.send({ method: 'POST', path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', body });
    expect(made.status, made.text).toBe(201);
  }
  const document = async (): Promise<Document> => get('/openapi/v3/apis/ex.example.com/v1');
  await expect.poll(async () => (await server.send({ method: 'GET', path: '/openapi/v3/apis/ex.example.com/v1' })).text).toContain('readExExampleComV1Bar');
  const shown = await document();
  expect(shown.info).toEqual({ title: 'Kubernetes CRD Swagger', version: 'v0.1.0' });
  expect(Object.fromEntries(Object.entries(shown.paths).map(([path, item]) => [path, shownPath(item)]))).toEqual(
    Object.fromEntries(Object.entries(golden.custom).map(([path, item]) => [path, expanded(item)])),
  );
  expectWhole(shown);
  expect(shown.components).not.toHaveProperty('securitySchemes');
});

/** Every operation is named once, and what is referred to is there. */
function expectWhole({ paths, components }: Document): void {
  const ids = Object.values(paths).flatMap(({ parameters: _, ...operations }) => Object.values(operations as Record<string, Operation>).map(({ operationId }) => operationId));
  expect(new Set(ids).size).toBe(ids.length);
  const known = new Set(Object.keys(components.schemas));
  for (const [, name = ''] of JSON.stringify({ paths, components }).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) expect(known).toContain(name);
}
