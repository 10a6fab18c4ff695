import { schemaFor, type ValidatingAdmissionPolicySpec } from '@berth/kube';
import { expect, test } from 'vitest';
import type { JsonSchema } from '../../api-server/custom-resources/schema/json-schema.ts';
import { builtInSchema } from './built-in-schema.ts';
import { type KindWorld, typeWarnings } from './type-check-policy.ts';

const kinds: Readonly<Record<string, string>> = { pods: 'Pod', deployments: 'Deployment', configmaps: 'ConfigMap' };
const groups: Readonly<Record<string, string>> = { deployments: 'apps' };

/** Kinds that look as `schema` says, or as they do. */
function world(schema?: JsonSchema | null): KindWorld {
  return {
    kindsOf: (group, version, resource) => {
      const kind = kinds[resource];
      const own = groups[resource] ?? '';
      return kind && version === 'v1' && (group === '' || group === own) ? [{ group: own, version, kind }] : [];
    },
    schemaOf: ({ group, version, kind }) => {
      if (schema !== undefined) return schema ?? undefined;
      const known = schemaFor(group, version, kind);
      return known && builtInSchema(known);
    },
  };
}

const rule = (apiGroups: string[], resources: string[], apiVersions = ['v1']) => ({
  apiGroups,
  apiVersions,
  resources,
  operations: ['*'],
});

function spec(expression: string, more: Partial<ValidatingAdmissionPolicySpec> = {}): ValidatingAdmissionPolicySpec {
  const matchConstraints = { resourceRules: [rule(['apps'], ['deployments'])] };
  return { matchConstraints, validations: [{ expression }], ...more };
}

const withFoo = (type: string): JsonSchema => ({ type: 'object', properties: { foo: { type } } });

async function warnings(of: ValidatingAdmissionPolicySpec, schema?: JsonSchema | null): Promise<string[]> {
  const found = await typeWarnings(of, world(schema));
  return found.map(({ fieldRef, warning }) => `${fieldRef}: ${warning}`);
}

test('a field that a kind does not have is told with its place and the kind', async () => {
  expect(await typeWarnings(spec("object.foo == 'bar'"), world(withFoo('string')))).toEqual([]);
  expect(await typeWarnings(spec("object.bar == 'bar'"), world(withFoo('string')))).toEqual([
    {
      fieldRef: 'spec.validations[0].expression',
      warning:
        "apps/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'bar'\n | object.bar == 'bar'\n | ......^\n",
    },
  ]);
});

test('each kind that the rules name is looked at, in the order of their names', async () => {
  const matchConstraints = { resourceRules: [rule(['apps'], ['deployments']), rule([''], ['pods'])] };
  const [warning, ...others] = await warnings(spec('object.data.size() > 0', { matchConstraints }));
  expect(others).toEqual([]);
  expect(warning).toMatch(
    /^spec\.validations\[0\]\.expression: \/v1, Kind=Pod: ERROR: .*undefined field 'data'[\s\S]*\n\napps\/v1, Kind=Deployment: ERROR: /,
  );
});

test('rules with wildcards, subresources and what is not served are passed over', async () => {
  const of = (...resourceRules: ReturnType<typeof rule>[]) =>
    warnings(spec('object.nothing', { matchConstraints: { resourceRules } }));
  expect(
    await of(rule(['*'], ['pods']), rule([''], ['pods'], ['*']), rule([''], ['*', 'pods/*', 'pods/status'])),
  ).toEqual([]);
  expect(await of(rule([''], ['pods'], ['v2']), rule([''], ['unicorns']))).toEqual([]);
  expect(await warnings(spec('object.nothing'), null)).toEqual([]);
  expect(await warnings(spec('object.nothing == 1'), {})).toEqual([]);
});

test('types are compared: of fields, variables, params and what the server brings', async () => {
  const int = withFoo('integer');
  expect(await warnings(spec("object.foo == 'bar'"), int)).toMatchObject([
    expect.stringContaining("found no matching overload for '_==_' applied to '(int, string)'"),
  ]);
  const variables = [{ name: 'name', expression: "'something'" }];
  expect(await warnings(spec('variables.name == object.foo', { variables }), int)).toMatchObject([
    expect.stringContaining("found no matching overload for '_==_' applied to '(string, int)'"),
  ]);
  expect(await warnings(spec('variables.other', { variables }), int)).toMatchObject([
    expect.stringContaining("undefined field 'other'"),
  ]);
  // A variable that is wrong in itself is nothing to warn of, and anything for those who use it.
  const wrong = [{ name: 'name', expression: "object.foo == 'text'" }];
  expect(await warnings(spec('variables.name == object.foo', { variables: wrong }), int)).toEqual([]);
  // So is an object, also in a list.
  const objects = [{ name: 'all', expression: '[object, oldObject]' }];
  expect(await warnings(spec('variables.all[0].anything == 1', { variables: objects }), int)).toEqual([]);
  const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
  expect(await warnings(spec('params.data.x == object.metadata.name', { paramKind }))).toEqual([]);
  expect(await warnings(spec('params.datum == null', { paramKind }))).toMatchObject([
    expect.stringContaining("undefined field 'datum'"),
  ]);
  expect(await warnings(spec('params == null'))).toMatchObject([
    expect.stringContaining("undeclared reference to 'params'"),
  ]);
  expect(await warnings(spec("authorizer.group('').resource('pods').check('get').allowed()"))).toEqual([]);
  expect(await warnings(spec('authorizer.allowed()'))).toMatchObject([
    expect.stringContaining(
      "found no matching overload for 'allowed' applied to 'kubernetes.authorization.Authorizer.()'",
    ),
  ]);
  expect(await warnings(spec("request.operation == 'CREATE' && namespaceObject.metadata.name != ''"))).toEqual([]);
});

test('expressions for messages are looked at as well', async () => {
  const validations = [
    { expression: 'object.foo == 1', messageExpression: "object.foo + 'text'" },
    { expression: 'object.bar == 1' },
  ];
  const found = await typeWarnings({ ...spec(''), validations }, world(withFoo('integer')));
  expect(found.map(({ fieldRef }) => fieldRef)).toEqual([
    'spec.validations[0].messageExpression',
    'spec.validations[1].expression',
  ]);
});

test('built-in kinds have the types that upstream publishes', async () => {
  const good = [
    'object.spec.replicas > 1 && object.spec.template.spec.containers.all(c, c.image.startsWith("x"))',
    'object.metadata.labels["a"] == "b" && object.metadata.creationTimestamp < timestamp("2026-01-01T00:00:00Z")',
    'object.spec.strategy.rollingUpdate.maxSurge == 1 || object.spec.strategy.rollingUpdate.maxSurge == "1"',
    'has(object.spec.template.spec.affinity) && oldObject.spec == object.spec',
  ];
  for (const expression of good) expect(await warnings(spec(expression)), expression).toEqual([]);
  // Quantities are published as one of several types, which is none to expressions.
  expect(await warnings(spec('object.spec.template.spec.containers[0].resources.limits == null'))).toMatchObject([
    expect.stringContaining("undefined field 'limits'"),
  ]);
});
