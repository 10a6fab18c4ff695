import { expect, test } from 'vitest';
import { anApiServer } from '../harness/api-server.ts';

/** APIServices of what the server serves itself (kube-aggregator's autoregister and local availability controllers). */
const services = '/apis/apiregistration.k8s.io/v1/apiservices';
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

const lamps = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'lamps.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'lamps', kind: 'Lamp' },
    versions: ['v1', 'v2'].map((name) => ({
      name,
      served: true,
      storage: name === 'v1',
      schema: { openAPIV3Schema: { type: 'object' } },
    })),
  },
};

test('each group and version has an APIService that is available; those of custom resources come, stay and go with them', async () => {
  await using api = await anApiServer();
  const send = async (method: string, path: string, body?: object, contentType = 'application/json') => {
    const { status, text } = await api.send({ method, path, ...(body ? { body, contentType } : {}) });
    return { status, json: JSON.parse(text) };
  };
  const shown = async () => {
    const { json } = await send('GET', services);
    const lines = json.items.map(({ metadata, spec, status }: never) => {
      const { labels = {} } = metadata as { labels?: Record<string, string> };
      const { groupPriorityMinimum, versionPriority } = spec as Record<string, number>;
      const { conditions } = (status ?? {}) as { conditions?: { status: string; reason: string }[] };
      const managed = labels['kube-aggregator.kubernetes.io/automanaged'];
      const { name } = metadata as { name: string };
      return `${name} ${managed} ${groupPriorityMinimum} ${versionPriority} ${conditions?.[0]?.status} ${conditions?.[0]?.reason}`;
    });
    return lines as string[];
  };
  const custom = async () => (await shown()).filter((line) => line.includes('example.com'));
  const groups = (await send('GET', '/apis')).json.groups.flatMap(({ versions }: never) =>
    (versions as { groupVersion: string }[]).map(({ groupVersion }) => groupVersion.split('/').toReversed().join('.')),
  );
  const expected = ['v1.', ...groups.filter((name: string) => name !== 'v1.apiregistration.k8s.io')].toSorted();
  await expect.poll(async () => (await shown()).map((line) => line.split(' ')[0])).toEqual(expected);
  await expect.poll(async () => (await shown()).filter((line) => !line.endsWith('True Local'))).toEqual([]);
  expect(await shown()).toContain('v1. onstart 18000 1 True Local');
  expect(await shown()).toContain('v2.autoscaling onstart 17500 30 True Local');

  expect(await send('POST', definitions, lamps)).toMatchObject({ status: 201 });
  const both = ['v1.example.com true 1000 100 True Local', 'v2.example.com true 1000 100 True Local'];
  await expect.poll(custom).toEqual(both);
  // What somebody takes away or changes of them is made good.
  expect(await send('DELETE', `${services}/v2.example.com`)).toMatchObject({ status: 200 });
  await expect.poll(custom).toEqual(both);
  const { json: first } = await send('GET', `${services}/v1.example.com`);
  // Its status came with it, and is nobody's.
  expect(first.metadata.managedFields).toMatchObject([{ manager: 'kube-apiserver', operation: 'Update' }]);
  expect(first.metadata.managedFields[0].fieldsV1).toEqual({
    'f:metadata': { 'f:labels': { '.': {}, 'f:kube-aggregator.kubernetes.io/automanaged': {} } },
    'f:spec': { 'f:group': {}, 'f:groupPriorityMinimum': {}, 'f:version': {}, 'f:versionPriority': {} },
  });
  const changed = { ...first, spec: { ...first.spec, versionPriority: 7 } };
  expect(await send('PUT', `${services}/v1.example.com`, changed)).toMatchObject({ status: 200 });
  await expect.poll(custom).toEqual(both);
  // Those of built-in groups are seen to when the server starts.
  expect(await send('DELETE', `${services}/v1.apps`)).toMatchObject({ status: 200 });

  // Generated, it would not be its group's.
  const generated = await send('PATCH', `${services}/v1.example.com?dryRun=All`, [{ op: 'add', path: '/metadata/generateName', value: 'x' }], 'application/json-patch+json');
  expect(generated.json.message).toMatch(/metadata.generateName: Invalid value: "x": must be `spec.version\+"."\+spec.group`: "v1.example.com"$/);

  // One that somebody made himself stays his, also without a server.
  const own = { metadata: { name: 'v9.example.com' }, spec: { ...first.spec, version: 'v9' } };
  expect(await send('POST', services, own)).toMatchObject({ status: 201 });
  // What two definitions serve stays as long as one of them does.
  const [, v2] = lamps.spec.versions;
  const spec = { ...lamps.spec, names: { plural: 'bulbs', kind: 'Bulb' }, versions: [{ ...v2, storage: true }] };
  expect(await send('POST', definitions, { ...lamps, metadata: { name: 'bulbs.example.com' }, spec })).toMatchObject({ status: 201 });
  expect(await send('DELETE', `${definitions}/lamps.example.com`)).toMatchObject({ status: 200 });
  await expect.poll(custom).toEqual([both[1], 'v9.example.com undefined 1000 100 True Local']);
  expect(await send('DELETE', `${definitions}/bulbs.example.com`)).toMatchObject({ status: 200 });
  await expect.poll(custom).toEqual(['v9.example.com undefined 1000 100 True Local']);
  expect((await shown()).filter((line) => line.startsWith('v1.apps'))).toEqual([]);
});
