import { type ConfigMap, type Pod, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aCustomServer, aFoo, fooDefinition, foosPath } from '../../custom-resources/custom-resources.harness.ts';
import type { AnyObject } from '../../resource-definition.ts';
import { aConfigMap, aPod, aServer } from '../../server.test-harness.ts';

type Server = Awaited<ReturnType<typeof aServer>>;

const about = (plural: string) => ({
  resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: [plural] }],
});
const apply = (expression: string) => ({ patchType: 'ApplyConfiguration', applyConfiguration: { expression } });
const patch = (expression: string) => ({ patchType: 'JSONPatch', jsonPatch: { expression } });

async function policy(s: Server, name: string, spec: object): Promise<void> {
  await s.client.create(resources.mutatingadmissionpolicies, {
    metadata: { name },
    spec: { matchConstraints: about('pods'), reinvocationPolicy: 'Never', ...spec } as never,
  });
  await s.client.create(resources.mutatingadmissionpolicybindings, {
    metadata: { name: `${name}-binding` },
    spec: { policyName: name } as never,
  });
  await new Promise((done) => setImmediate(done));
}

const createPod = async (s: Server, name: string, more: object = {}) =>
  (await s.client.create(resources.pods, aPod(name, more) as never)) as Pod;

test('an apply configuration is merged: lists by their keys, other fields stay', async () => {
  await using s = await aServer();
  const expression = `Object{
    spec: Object.spec{
      initContainers: [Object.spec.initContainers{name: "mesh-proxy", image: "mesh/proxy:v1", restartPolicy: "Always"}],
      containers: object.spec.containers.map(c, Object.spec.containers{name: c.name, env: [Object.spec.containers.env{name: "FROM", value: "policy"}]})
    }
  }`;
  const matchConditions = [
    {
      name: 'not-there',
      expression: '!has(object.spec.initContainers) || !object.spec.initContainers.exists(c, c.name == "mesh-proxy")',
    },
  ];
  await policy(s, 'sidecar', { matchConditions, mutations: [apply(expression)] });
  const pod = await createPod(s, 'p');
  expect(pod.spec?.initContainers).toMatchObject([
    { name: 'mesh-proxy', image: 'mesh/proxy:v1', restartPolicy: 'Always' },
  ]);
  expect(pod.spec?.containers).toMatchObject([{ name: 'c', image: 'i', env: [{ name: 'FROM', value: 'policy' }] }]);
  expect(pod.spec?.initContainers?.[0]?.terminationMessagePath).toBe('/dev/termination-log');
});

test('what a patch adds to a custom object and no schema names is pruned when it is stored: it counts as a change, and is validated', async () => {
  await using s = await aCustomServer();
  const settings = { type: 'object', maxProperties: 1 };
  const spec = { type: 'object', properties: { replicas: { type: 'integer' }, settings } };
  await s.define(fooDefinition({ schema: { type: 'object', properties: { spec } } }));
  const rule = { apiGroups: ['samplecontroller.k8s.io'], apiVersions: ['*'], operations: ['CREATE', 'UPDATE'] };
  const matchConstraints = { resourceRules: [{ ...rule, resources: ['foos'] }] };
  const expression =
    'object.metadata.name == "f" ? [JSONPatch{op: "add", path: "/spec/unknown", value: 1}] : [JSONPatch{op: "add", path: "/spec/settings", value: {"a": 1, "b": 2}}]';
  await policy(s, 'unknown', { matchConstraints, mutations: [patch(expression)] });
  const generationAndSpec = ({ metadata, spec: stored }: AnyObject) => [metadata.generation, stored];
  expect(generationAndSpec(await s.send('POST', foosPath, aFoo('f', { replicas: 1 })))).toEqual([1, { replicas: 1 }]);
  const label = { metadata: { labels: { a: 'b' } } };
  const labelled = await s.send('PATCH', `${foosPath}/f`, label, 'application/merge-patch+json');
  expect(generationAndSpec(labelled)).toEqual([2, { replicas: 1 }]);
  await expect(s.send('POST', foosPath, aFoo('g', {}))).rejects.toMatchObject({
    message: 'Foo.samplecontroller.k8s.io "g" is invalid: spec.settings: Too many: 2: must have at most 1 item',
  });
});

test('a JSON patch that does not apply is refused in the words of upstream’s patch library', async () => {
  await using s = await aServer();
  await policy(s, 'nowhere', { mutations: [patch('[JSONPatch{op: "add", path: "/nope/x", value: "y"}]')] });
  await expect(createPod(s, 'p')).rejects.toThrow(
    'denied request: JSON Patch: add operation does not apply: doc is missing path: "/nope/x": missing value',
  );
});

// What kube-apiserver 1.36.3 says.
test.each([
  [
    'JSONPatch{op: "add", path: "/foo", value: 1}',
    'Internal error occurred: strict decoding error: unknown field "foo"',
  ],
  [
    'JSONPatch{op: "replace", path: "/kind", value: "Nope"}',
    'Internal error occurred: no kind "Nope" is registered for version "v1" in scheme "pkg/runtime/scheme.go:111"',
  ],
  [
    'JSONPatch{op: "replace", path: "/kind", value: "Secret"}',
    'Internal error occurred: failed to convert object: converting (v1.Secret) to (core.Pod): unknown conversion',
  ],
  ['JSONPatch{path: "/x", value: 1}', 'denied request: JSON Patch: Unexpected kind: '],
  [
    'JSONPatch{op: "add", value: "x"}',
    'denied request: JSON Patch: add operation does not apply: doc is missing path: "": missing value',
  ],
  [
    'JSONPatch{op: "remove", path: "metadata"}',
    'denied request: JSON Patch: remove operation does not apply: doc is missing path: "metadata": missing value',
  ],
  [
    'JSONPatch{op: "replace", value: "x"}',
    'denied request: JSON Patch: replace operation value must be object or array: %!w(<nil>)',
  ],
  [
    'JSONPatch{op: "move", path: "/x"}',
    'denied request: JSON Patch: move operation failed to decode from: operation, missing from field: missing value',
  ],
  [
    'JSONPatch{op: "remove", path: "/spec/containers/7"}',
    "denied request: JSON Patch: error in remove for path: '/spec/containers/7': Unable to access invalid index: 7: invalid index referenced",
  ],
])('a JSON patch that leaves no object of the kind, or is none, is refused: %s', async (operation, why) => {
  await using s = await aServer();
  await policy(s, 'odd', { mutations: [patch(`[${operation}]`)] });
  await expect(createPod(s, 'p')).rejects.toThrow(why);
});

test('a JSON patch is made of operations; one whose test fails changes nothing', async () => {
  await using s = await aServer();
  const label =
    'JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("example.com/from"), value: "policy"}';
  await policy(s, 'labels', {
    matchConstraints: about('configmaps'),
    mutations: [
      patch('[JSONPatch{op: "test", path: "/data/x", value: "no"}, JSONPatch{op: "remove", path: "/data"}]'),
      patch(
        `has(object.metadata.labels) ? [${label}] : [JSONPatch{op: "add", path: "/metadata/labels", value: {"a": "b"}}, ${label}]`,
      ),
    ],
  });
  const made = (await s.client.create(
    resources.configmaps,
    aConfigMap('m', { data: { x: '1' } }) as never,
  )) as ConfigMap;
  expect(made.data).toEqual({ x: '1' });
  expect(made.metadata.labels).toEqual({ a: 'b', 'example.com/from': 'policy' });
});

test('a name is made up for what policies leave without one: they see none, and their name or prefix is taken', async () => {
  await using s = await aServer();
  const given = (name: string) => [
    { name, expression: `has(object.metadata.generateName) && object.metadata.generateName == "${name}-"` },
  ];
  const patches: [string, string][] = [
    ['named', '[JSONPatch{op: "add", path: "/metadata/name", value: "given"}]'],
    ['other', '[JSONPatch{op: "replace", path: "/metadata/generateName", value: "new-"}]'],
    ['kept', '[JSONPatch{op: "add", path: "/metadata/labels", value: {"named": string(has(object.metadata.name))}}]'],
    ['bare', '[JSONPatch{op: "remove", path: "/metadata/generateName"}]'],
  ];
  for (const [name, expression] of patches)
    await policy(s, name, { matchConditions: given(name), mutations: [patch(expression)] });
  const created = async (name: string) =>
    (await s.client.create(resources.pods, aPod('', { metadata: { generateName: `${name}-` } }) as never)).metadata;
  expect((await created('named')).name).toBe('given');
  await expect(created('named')).rejects.toThrow('pods "given" already exists');
  expect((await created('other')).name).toMatch(/^new-[a-z0-9]{5}$/);
  expect(await created('kept')).toMatchObject({
    name: expect.stringMatching(/^kept-[a-z0-9]{5}$/),
    labels: { named: 'false' },
  });
  await expect(created('bare')).rejects.toThrow('name or generateName is required');
});

test('what cannot be done is refused, or left out where failures are ignored', async () => {
  await using s = await aServer();
  const mutations = [apply('Object{spec: Object.spec{nope: 5}}')];
  await policy(s, 'lenient', { failurePolicy: 'Ignore', mutations });
  await createPod(s, 'a');
  await policy(s, 'strict', { mutations });
  await expect(createPod(s, 'b')).rejects.toMatchObject({
    status: {
      reason: 'Invalid',
      message:
        "policy 'strict' with binding 'strict-binding' denied request: error applying patch: failed to convert patch object to typed object: .spec.nope: field not declared in schema",
    },
  });
  await s.client.delete(resources.mutatingadmissionpolicybindings, { name: 'strict-binding' });
  await policy(s, 'atomic', { mutations: [apply('Object{spec: Object.spec{nodeSelector: {"a": "b"}}}')] });
  await expect(createPod(s, 'c')).rejects.toMatchObject({
    status: {
      message:
        "policy 'atomic' with binding 'atomic-binding' denied request: error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.nodeSelector",
    },
  });
});

test('a policy sees what those after it changed, if it wants to', async () => {
  await using s = await aServer();
  const count =
    'Object{metadata: Object.metadata{annotations: {"count": string(has(object.metadata.labels) ? size(object.metadata.labels) : 0)}}}';
  await policy(s, 'a-counts', { reinvocationPolicy: 'IfNeeded', mutations: [apply(count)] });
  await policy(s, 'b-labels', { mutations: [apply('Object{metadata: Object.metadata{labels: {"x": "y"}}}')] });
  const pod = await createPod(s, 'p');
  expect(pod.metadata).toMatchObject({ labels: { x: 'y' }, annotations: { count: '1' } });
});

test('a policy to reinvoke if needed runs again where it alone changed something, as kube-apiserver’s', async () => {
  await using s = await aServer();
  const size = 'Object{metadata: Object.metadata{labels: {"n": string(object.metadata.?labels.orValue({}).size())}}}';
  await policy(s, 'counts', { reinvocationPolicy: 'IfNeeded', mutations: [apply(size)] });
  expect((await createPod(s, 'p')).metadata).toMatchObject({ labels: { n: '1' } });
  await policy(s, 'other', { mutations: [apply('Object{metadata: Object.metadata{annotations: {"a": "b"}}}')] });
  expect((await createPod(s, 'q')).metadata).toMatchObject({ labels: { n: '1' }, annotations: { a: 'b' } });
});

test('a policy whose mutations cannot be read is refused with the place', async () => {
  await using s = await aServer();
  const answer = s.client.create(resources.mutatingadmissionpolicies, {
    metadata: { name: 'p' },
    spec: {
      matchConstraints: about('pods'),
      reinvocationPolicy: 'Never',
      mutations: [apply('{"a": "b"}'), patch('object.spec'), { patchType: 'Magic' }, patch('[JSONPatch{foo: "x"}]')],
    } as never,
  });
  await expect(answer).rejects.toMatchObject({
    status: {
      details: {
        causes: [
          {
            field: 'spec.mutations[0].applyConfiguration.expression',
            message: expect.stringMatching(/: must evaluate to Object but got map\(string, string\)$/),
          },
          {
            field: 'spec.mutations[1].jsonPatch.expression',
            message: 'Invalid value: "object.spec": must evaluate to list(JSONPatch) but got dyn',
          },
          {
            field: 'spec.mutations[2].patchType',
            message: 'Unsupported value: "Magic": supported values: "ApplyConfiguration", "JSONPatch"',
          },
          {
            field: 'spec.mutations[3].jsonPatch.expression',
            message: expect.stringContaining("expected type of field 'foo' is '' but provided type is 'string'"),
          },
        ],
      },
    },
  });
});
