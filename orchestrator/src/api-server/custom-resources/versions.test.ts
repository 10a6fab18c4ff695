import { expect, test } from 'vitest';
import { aCustomServer, fooDefinition, refusal } from './custom-resources.harness.ts';

const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

const versioned = (versions: object[]) => fooDefinition({ spec: { versions } });

function version(name: string, properties: object, more: object = {}) {
  return { name, served: true, storage: false, schema: { openAPIV3Schema: { type: 'object', properties } }, ...more };
}

const spec = (properties: object) => ({ spec: { type: 'object', properties } });
const at = (name: string) => `/apis/samplecontroller.k8s.io/${name}/namespaces/default/foos`;
const foo = (name: string, content: object) => ({
  apiVersion: `samplecontroller.k8s.io/${name}`,
  kind: 'Foo',
  metadata: { name: 'a' },
  ...content,
});

test('an object is read in every version, pruned by the schema of each and filled by that it is stored in', async () => {
  await using h = await aCustomServer();
  const text = { type: 'string' };
  await h.define(
    versioned([
      version('v1', spec({ both: text, one: text, mode: { type: 'string', default: 'first' } }), { storage: true }),
      version('v2', spec({ both: text, two: text, mode: { type: 'string', default: 'second' } })),
    ]),
  );
  const made = await h.send('POST', at('v2'), foo('v2', { spec: { both: 'b', two: 't' } }));
  expect(made).toMatchObject({ apiVersion: 'samplecontroller.k8s.io/v2' });
  expect(made['spec']).toEqual({ both: 'b', mode: 'second' });
  expect((await h.send('GET', `${at('v1')}/a`))['spec']).toEqual({ both: 'b', mode: 'second' });
  await h.send('PATCH', `${at('v1')}/a`, { spec: { one: 'o' } }, 'application/merge-patch+json');
  expect((await h.send('GET', `${at('v2')}/a`))['spec']).toEqual({ both: 'b', mode: 'second' });
  expect((await h.send('GET', `${at('v1')}/a`))['spec']).toEqual({ both: 'b', mode: 'second', one: 'o' });
});

test('who writes a status in another version fills nothing into what stays as it was', async () => {
  await using h = await aCustomServer();
  const status = { status: { type: 'object', properties: { ready: { type: 'boolean' } } } };
  const more = { subresources: { status: {} } };
  const mode = { type: 'string', default: 'second' };
  await h.define(
    versioned([
      version('v1', { ...spec({ both: { type: 'string' } }), ...status }, { ...more, storage: true }),
      version('v2', { ...spec({ both: { type: 'string' }, mode }), ...status }, more),
    ]),
  );
  await h.send('POST', at('v1'), foo('v1', { spec: { both: 'b' } }));
  const read = () => h.send('GET', `${at('v2')}/a`);
  const write = (ready: boolean, query = '') =>
    h.send('PATCH', `${at('v2')}/a/status${query}`, { status: { ready } }, 'application/merge-patch+json');
  const { metadata } = await write(true);
  await write(false, '?dryRun=All');
  expect((await read())['spec']).toEqual({ both: 'b' });
  const again = await write(true);
  expect(again.metadata.resourceVersion).toBe(metadata.resourceVersion);
  expect([again['spec'], (await read())['spec']]).toEqual([{ both: 'b' }, { both: 'b' }]);
});

test('a changed schema is applied to what is stored, on reading and to those who watch', async () => {
  await using h = await aCustomServer();
  const before = versioned([version('v1', spec({ old: { type: 'string' } }), { storage: true })]);
  const { metadata } = await h.define(before);
  await h.send('POST', at('v1'), foo('v1', { spec: { old: 'x' } }));
  const after = versioned([version('v1', spec({ fresh: { type: 'integer', default: 7 } }), { storage: true })]);
  const { resourceVersion } = await h.client.get(h.crds, { name: metadata.name as string }).then((crd) => crd.metadata);
  await h.client.update(h.crds, { ...after, metadata: { ...after.metadata, resourceVersion } } as never);
  await expect.poll(async () => (await h.send('GET', `${at('v1')}/a`))['spec']).toEqual({ fresh: 7 });
});

test('a version that is served no more is not found, and one that was stored cannot be removed', async () => {
  await using h = await aCustomServer();
  const { metadata } = await h.define(versioned([version('v1', {}, { storage: true }), version('v2', {})]));
  const name = metadata.name as string;
  const change = async (versions: object[]) => {
    const { resourceVersion } = (await h.client.get(h.crds, { name })).metadata;
    const next = versioned(versions);
    return h.client.update(h.crds, { ...next, metadata: { ...next.metadata, resourceVersion } } as never);
  };
  await change([version('v1', {}, { storage: true }), version('v2', {}, { served: false })]);
  await expect
    .poll(() =>
      h.send('GET', at('v2')).then(
        () => 200,
        (error) => error.status.code,
      ),
    )
    .toBe(404);
  await change([version('v1', {}), version('v2', {}, { storage: true })]);
  expect((await refusal(change([version('v2', {}, { storage: true })]))).message).toBe(
    'CustomResourceDefinition.apiextensions.k8s.io "foos.samplecontroller.k8s.io" is invalid: status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions',
  );
});

test('versions come in the order of Kubernetes, and deprecated ones say so', async () => {
  await using h = await aCustomServer();
  const schema = { schema: { openAPIV3Schema: anything } };
  const names = ['v1beta1', 'foo10', 'v11alpha2', 'v2', 'v1', 'v10', 'foo1', 'v1beta2'];
  await h.define(
    versioned(
      names.map((name) => version(name, {}, { ...schema, storage: name === 'v1', deprecated: name === 'v1beta1' })),
    ),
  );
  const group = await h.send('GET', '/apis/samplecontroller.k8s.io');
  const versions = group['versions'] as unknown as { version: string }[];
  expect(versions.map((each) => each.version)).toEqual([
    'v10',
    'v2',
    'v1',
    'v1beta2',
    'v1beta1',
    'v11alpha2',
    'foo1',
    'foo10',
  ]);
  expect(group['preferredVersion']).toMatchObject({ version: 'v10' });
});

test('instances of a definition without a served version go with it, and do not come back', async () => {
  await using h = await aCustomServer();
  const { metadata } = await h.define(versioned([version('v1', {}, { storage: true })]));
  const name = metadata.name as string;
  await h.send('POST', at('v1'), foo('v1', {}));
  const { resourceVersion } = (await h.client.get(h.crds, { name })).metadata;
  const unserved = versioned([version('v1', {}, { storage: true, served: false })]);
  await h.client.update(h.crds, { ...unserved, metadata: { ...unserved.metadata, resourceVersion } } as never);
  await h.client.delete(h.crds, { name });
  await expect.poll(async () => (await h.client.list(h.crds)).items.length).toBe(0);
  await h.define(versioned([version('v1', {}, { storage: true })]));
  expect((await h.send('GET', at('v1')))['items']).toEqual([]);
});
