import { FakeClock } from '@berth/kit';
import { protobufWriter } from '@berth/kube';
import { expect, test } from 'vitest';
import { yamlOf } from '../decoding/yaml-of.ts';
import { RecentValues } from '../recent-values.ts';
import type { AnyObject, ResourceDefinition } from '../resource-definition.ts';
import { definitions } from '../resources/definitions.ts';
import type { ListAnswer } from '../server-request.ts';
import { ObjectCodec } from '../stored-object.ts';
import { wholeBody } from './long-body.ts';
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
  const answer = { type: 'list', definition, items, metadata: {} } as const;
  const making = documentOf(answer, presentation, gone.signal).then(({ body }) => wholeBody(body));
  gone.abort();
  await expect(making).rejects.toThrow('aborted');
  expect(read).toBeLessThan(items.length);
});

/** What must not be taken for the frame of a list, nor move to the left. */
const texts = [
  'items: []\n',
  '- a\n  - b\n',
  '\nrows: []\n',
  '',
  ' \n',
  'x'.repeat(9_000),
  'é',
  '# a',
  '|',
  'a: b\n\n',
];

function aLongList(count: number): ListAnswer {
  const definition = definitions.find(({ kind }) => kind === 'ConfigMap') as ResourceDefinition;
  const codec = new ObjectCodec(definition, definition, new RecentValues());
  const items = Array.from({ length: count }, (_, i) => {
    const data = { text: texts[i % texts.length] as string };
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `c${i}`, annotations: data }, data };
    return codec.view({ key: `${i}`, value: codec.encode(object), createRevision: 1, modRevision: 1 });
  });
  return { type: 'list', definition, items, metadata: { resourceVersion: '7' } };
}

async function piecesOf(list: ListAnswer, accept: string) {
  const presentation = { representation: negotiate(accept), includeObject: '', clock: new FakeClock() };
  const { body } = await documentOf(list, presentation, new AbortController().signal);
  const pieces: Uint8Array[] = [];
  if (body instanceof Uint8Array) throw new Error('it is made whole');
  for await (const piece of body.pieces(() => 64 * 1024)) pieces.push(piece);
  return {
    byteLength: body.byteLength,
    longest: Math.max(...pieces.map((each) => each.length)),
    all: Buffer.concat(pieces),
  };
}

const [table, partial] = [';as=Table;v=v1;g=meta.k8s.io', ';as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'];

test.each(['', table, partial])('a long list%s is made in pieces, which are one document', async (as) => {
  const list = aLongList(1000);
  const json = await piecesOf(list, `application/json${as}`);
  const value = JSON.parse(json.all.toString());
  const shown: AnyObject[] = value.items ?? value.rows.map(({ object }: { object: AnyObject }) => object);
  expect(shown.map(({ metadata }) => metadata.name)).toEqual(list.items.map(({ object }) => object.metadata.name));
  expect(json.longest).toBeLessThanOrEqual(128 * 1024);
  const yaml = await piecesOf(list, `application/yaml${as}`);
  expect(yaml.all.toString() === yamlOf(value)).toBe(true);
  expect(yaml.longest).toBeLessThanOrEqual(64 * 1024);
});

test.each([1, 3])('a list of %i as YAML is one document, too', async (count) => {
  const json = await piecesOf(aLongList(count), `application/json${table}`);
  const yaml = await piecesOf(aLongList(count), `application/yaml${table}`);
  expect(yaml.all.toString()).toBe(yamlOf(JSON.parse(json.all.toString())));
});

test('a long list as protobuf is told its length, and made in pieces', async () => {
  const list = aLongList(3000);
  const { byteLength, longest, all } = await piecesOf(list, 'application/vnd.kubernetes.protobuf');
  const items = list.items.map(({ object }) => object);
  const listed = { kind: 'ConfigMapList', apiVersion: 'v1', metadata: list.metadata, items };
  const whole = (await protobufWriter()).object(listed);
  expect(all.equals(whole)).toBe(true);
  expect(byteLength).toBe(whole.length);
  expect(longest).toBeLessThanOrEqual(64 * 1024);
});

test('rows of kinds that have an order of their own are in it throughout a long list', async () => {
  const definition = definitions.find(
    ({ kind, version }) => kind === 'FlowSchema' && version === 'v1',
  ) as ResourceDefinition;
  const codec = new ObjectCodec(definition, definition, new RecentValues());
  const items = Array.from({ length: 2000 }, (_, i) => {
    const [kind, apiVersion] = ['FlowSchema', 'flowcontrol.apiserver.k8s.io/v1'];
    const spec = { priorityLevelConfiguration: { name: 'p' }, matchingPrecedence: 1 + ((i * 7) % 2000) };
    const value = codec.encode({ kind, apiVersion, metadata: { name: `f${i}` }, spec });
    return codec.view({ key: `${i}`, value, createRevision: 1, modRevision: 1 });
  });
  const { all } = await piecesOf({ type: 'list', definition, items, metadata: {} }, `application/json${table}`);
  const precedences = JSON.parse(all.toString()).rows.map(({ cells }: { cells: unknown[] }) => cells[2]);
  expect(precedences).toEqual(precedences.toSorted((a: number, b: number) => a - b));
});
