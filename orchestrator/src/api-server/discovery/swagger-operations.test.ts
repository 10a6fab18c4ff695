import { expect, test } from 'vitest';
import { ResourceRegistry } from '../resource-registry.ts';
import { definitions } from '../resources/definitions.ts';
import { SwaggerOperations } from './swagger-operations.ts';

type Item = Record<string, Record<string, unknown>>;

const registry = new ResourceRegistry(definitions);
const operations = new SwaggerOperations(registry);
const paths = new Map(operations.paths()) as ReadonlyMap<string, Item>;
const deployment = paths.get('/apis/apps/v1/namespaces/{namespace}/deployments/{name}') as Item;
const ref = (name: string) => ({ $ref: `#/definitions/${name}` });

test('an operation says what it takes and answers, as kube-apiserver 1.36 does', () => {
  expect(deployment['patch']).toMatchObject({
    operationId: 'patchAppsV1NamespacedDeployment',
    consumes: [
      'application/json-patch+json',
      'application/merge-patch+json',
      'application/strategic-merge-patch+json',
      'application/apply-patch+yaml',
    ],
    produces: ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'],
    schemes: ['https'],
    responses: {
      200: { description: 'OK', schema: ref('io.k8s.api.apps.v1.Deployment') },
      401: { description: 'Unauthorized' },
    },
    'x-kubernetes-action': 'patch',
  });
  expect(deployment['get']).toMatchObject({ consumes: ['*/*'] });
  expect(paths.get('/openid/v1/jwks/')?.['get']).not.toHaveProperty('consumes');
});

test('what old clients look for stands with the operation, other parameters are told once', () => {
  const parameters = deployment['patch']?.['parameters'] as { name?: string; in?: string; $ref?: string }[];
  expect(parameters).toContainEqual({
    name: 'body',
    in: 'body',
    required: true,
    schema: ref('io.k8s.apimachinery.pkg.apis.meta.v1.Patch'),
  });
  expect(parameters).toContainEqual(expect.objectContaining({ name: 'dryRun', in: 'query', type: 'string' }));
  expect(parameters).toContainEqual(expect.objectContaining({ name: 'fieldValidation' }));
  const shared = parameters.flatMap(({ $ref }) => ($ref === undefined ? [] : [$ref.slice('#/parameters/'.length)]));
  expect(shared.map((name) => name.replace(/-.{8}$/, ''))).toEqual(['fieldManager', 'force']);
});

test('each thing that is referred to is told', () => {
  const text = JSON.stringify([...paths.values()]);
  const known = Object.keys(operations.parameters);
  for (const [, name] of text.matchAll(/#\/parameters\/([^"]+)/g)) expect(known).toContain(name);
  const needed = [...operations.needed];
  for (const [, name] of text.matchAll(/#\/definitions\/([^"]+)/g)) expect(needed).toContain(name);
  // Each path's parameters of the path itself are told.
  for (const [path, { parameters }] of paths) {
    const own = (parameters ?? []) as unknown as readonly { name?: string; $ref?: string }[];
    const names = own.map(({ name, $ref = '' }) => name ?? $ref.slice('#/parameters/'.length).replace(/-.{8}$/, ''));
    expect(names).toEqual(expect.arrayContaining([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)));
  }
});
