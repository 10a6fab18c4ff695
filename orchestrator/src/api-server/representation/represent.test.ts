import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { RecentValues } from '../recent-values.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import { definitions } from '../resources/definitions.ts';
import { ObjectCodec } from '../stored-object.ts';
import { negotiate, plainJson } from './negotiate.ts';
import { documentOf, framesOf } from './represent.ts';

const second = 1000;

const textOf = (line: Uint8Array | undefined) => new TextDecoder().decode(line);

test('a row of which the object is not wanted says so, as upstream', async () => {
  const definition = definitions.find(({ kind }) => kind === 'ConfigMap');
  if (!definition) throw new Error('no configmaps');
  const representation = negotiate('application/json;as=Table;v=v1;g=meta.k8s.io');
  const { encode } = await framesOf(definition, { representation, includeObject: 'None', clock: new FakeClock() });
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } };
  const frame = JSON.parse(textOf(encode({ type: 'ADDED', object })));
  expect(frame.object.rows[0]).toMatchObject({ object: null });
});

test('a watched row is as old as it is when it is sent, not when the watch began', async () => {
  const clock = new FakeClock();
  const definition = definitions.find(({ kind }) => kind === 'ConfigMap');
  if (!definition) throw new Error('no configmaps');
  const representation = negotiate('application/json;as=Table;v=v1;g=meta.k8s.io');
  const { encode } = await framesOf(definition, { representation, includeObject: 'None', clock });
  const made = (name: string): AnyObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, creationTimestamp: new Date(clock.now()).toISOString() },
  });
  const ageOf = (object: AnyObject) =>
    JSON.parse(textOf(encode({ type: 'MODIFIED', object }))).object.rows[0].cells.at(-1);
  const early = made('early');
  expect(ageOf(early)).toBe('0s');
  await clock.advance(30 * second);
  expect([ageOf(early), ageOf(made('late'))]).toEqual(['30s', '0s']);
});

const bookmark = async (definition: ResourceDefinition) => {
  const representation = negotiate('application/json;as=Table;v=v1;g=meta.k8s.io');
  const { encode } = await framesOf(definition, { representation, includeObject: '', clock: new FakeClock() });
  const { kind, group, version } = definition;
  const metadata = { resourceVersion: '7', annotations: { 'k8s.io/initial-events-end': 'true' } };
  const object = { kind, apiVersion: group ? `${group}/${version}` : version, metadata };
  return JSON.parse(textOf(encode({ type: 'BOOKMARK', object }))).object;
};

// As kube-apiserver 1.36.3 shows an object of which nothing is known but its revision.
test.each([
  ['Pod', 'v1', ['', '0/0', '', '0', '<unknown>', '<none>', '<none>', '<none>', '<none>']],
  ['PersistentVolumeClaim', 'v1', ['', '', '', '', '', '', '<unset>', '<unknown>', '<unset>']],
  ['StorageClass', 'v1', ['', '', 'Delete', 'Immediate', false, '<unknown>']],
])('a bookmark among rows of %s is a row whose object says what it is', async (kind, version, cells) => {
  const definition = definitions.find((each) => each.kind === kind && each.version === version);
  const { metadata, rows } = await bookmark(definition as ResourceDefinition);
  const annotations = { 'k8s.io/initial-events-end': 'true' };
  const own = {
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: '7', annotations },
  };
  expect({ metadata, rows }).toEqual({ metadata: { resourceVersion: '7' }, rows: [{ cells, object: own }] });
});

test('of each kind a bookmark makes a row', async () => {
  for (const definition of definitions.filter(({ verbs }) => verbs.includes('watch')))
    expect((await bookmark(definition)).rows).toHaveLength(1);
});

test.each([10, 200_000])('all watchers are told the same bytes of an object of %i bytes', async (length) => {
  const definition = definitions.find(({ kind }) => kind === 'ConfigMap') as ResourceDefinition;
  const codec = new ObjectCodec(definition, definition, new RecentValues());
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { a: 'x'.repeat(length) } };
  const kv = { key: 'a', value: codec.encode(object), createRevision: 1, modRevision: 1 };
  const presentation = { representation: plainJson, includeObject: '', clock: new FakeClock() };
  const told = async () => (await framesOf(definition, presentation)).encode({ type: 'ADDED', object: codec.view(kv) });
  const first = await told();
  expect(JSON.parse(textOf(first)).object.data).toEqual(object.data);
  expect(await told()).toBe(first);
});

test.each([
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
  'application/json;as=Table;v=v1;g=meta.k8s.io',
])('of a list as %s that nobody waits for any more no further item is read', async (accept) => {
  const definition = definitions.find(({ kind }) => kind === 'ConfigMap') as ResourceDefinition;
  const codec = new ObjectCodec(definition, definition, new RecentValues());
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } };
  const view = codec.view({ key: 'a', value: codec.encode(object), createRevision: 1, modRevision: 1 });
  let read = 0;
  const items = new Proxy(new Array(20_000).fill(view), {
    get: (all, key) => {
      if (typeof key === 'string' && /^\d/.test(key)) read++;
      return Reflect.get(all, key);
    },
  });
  const presentation = { representation: negotiate(accept), includeObject: 'None', clock: new FakeClock() };
  const gone = new AbortController();
  const making = documentOf({ type: 'list', definition, items, metadata: {} }, presentation, gone.signal);
  gone.abort();
  await expect(making).rejects.toThrow('aborted');
  expect(read).toBeLessThan(items.length);
});
