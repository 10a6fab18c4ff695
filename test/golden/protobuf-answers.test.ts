import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { decodeObject, decodeProtobuf, protobufWriter, schemas } from '@berth/kube';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { definitions } from '../../orchestrator/src/api-server/resources/definitions.ts';
import { anApiServer } from '../harness/api-server.ts';

/** Clients that accept nothing but protobuf get what others get as JSON (apimachinery runtime/serializer/protobuf). */
const protobuf = 'application/vnd.kubernetes.protobuf';
const configmaps = '/api/v1/namespaces/default/configmaps';
const core = 'io.k8s.api.core.v1';
const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';

let server: Awaited<ReturnType<typeof anApiServer>>;
let credentials: object;

beforeAll(async () => {
  server = await anApiServer();
  credentials = { ...(await server.authority.issue('CN=admin, O=system:masters', 'client')), ca: server.authority.cert };
  for (let i = 0; i < 30; i++) {
    const body = { metadata: { name: `c-${i}` }, data: { x: '\0', y: 'ä'.repeat(i) }, binaryData: { b: 'AP8=' } };
    await send('POST', configmaps, { body: JSON.stringify(body), accept: 'application/json' });
  }
});
afterAll(() => server[Symbol.asyncDispose]());

interface Sent {
  readonly accept: string;
  readonly body?: string | Uint8Array;
  readonly contentType?: string;
}

async function open(method: string, path: string, { accept, body, contentType = 'application/json' }: Sent): Promise<IncomingMessage> {
  const headers = { accept, ...(body === undefined ? {} : { 'content-type': contentType }) };
  const sent = request({ host: '127.0.0.1', port: server.port, method, path, headers, agent: false, ...credentials });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return answer;
}

async function send(method: string, path: string, sent: Sent) {
  const answer = await open(method, path, sent);
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  return { status: answer.statusCode, type: answer.headers['content-type'], body: Buffer.concat(chunks) };
}

/** The same thing asked for in both forms. */
async function both(path: string, schema: string, as = '') {
  const json = await send('GET', path, { accept: `application/json${as}` });
  const binary = await send('GET', path, { accept: `${protobuf}${as}` });
  expect([binary.status, binary.type]).toEqual([200, protobuf]);
  const { object } = await decodeProtobuf(binary.body);
  const known = schemas.find(schema);
  return { json: JSON.parse(json.body.toString()), binary: known ? decodeObject(known, object).object : object };
}

test('an object, a list and their metadata alone are the same as in JSON', async () => {
  const one = await both(`${configmaps}/c-7`, `${core}.ConfigMap`);
  expect(one.binary).toEqual(one.json);
  const list = await both(configmaps, `${core}.ConfigMapList`);
  expect(list.json.items.length).toBeGreaterThanOrEqual(30);
  expect(list.binary).toEqual(list.json);
  const page = await both(`${configmaps}?limit=2`, `${core}.ConfigMapList`);
  expect(page.binary).toMatchObject({ metadata: { remainingItemCount: page.json.metadata.remainingItemCount } });
  const as = (kind: string) => `;as=${kind};v=v1;g=meta.k8s.io`;
  const partial = await both(`${configmaps}/c-7`, '', as('PartialObjectMetadata'));
  expect(partial.binary).toMatchObject({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'c-7', uid: partial.json.metadata.uid } });
  const partials = await both(configmaps, '', as('PartialObjectMetadataList'));
  expect(partials.binary['items']).toHaveLength(partials.json.items.length);
});

test('what is written and what goes is answered in it, too', async () => {
  const { body } = await send('GET', `${configmaps}/c-1`, { accept: protobuf });
  const put = await send('PUT', `${configmaps}/c-1`, { accept: protobuf, contentType: protobuf, body });
  expect([put.status, put.type]).toEqual([200, protobuf]);
  expect(put.body.equals(body)).toBe(true);
  const gone = await send('DELETE', `${configmaps}/c-1`, { accept: protobuf });
  const status = decodeObject(schemas.get(`${meta}.Status`), (await decodeProtobuf(gone.body)).object).object;
  expect(status).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Success', details: { name: 'c-1', kind: 'configmaps' } });
});

test('a watch tells its events in frames', async () => {
  const answer = await open('GET', `${configmaps}?watch=1&fieldSelector=metadata.name%3Dc-2`, { accept: protobuf });
  expect(answer.headers['content-type']).toBe(`${protobuf};stream=watch`);
  const frames = framesOf(answer);
  expect((await frames.next()).value).toMatchObject({ type: 'ADDED', object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'c-2' } } });
  await send('PATCH', `${configmaps}/c-2`, { accept: protobuf, contentType: 'application/merge-patch+json', body: '{"data":{"z":"1"}}' });
  expect((await frames.next()).value).toMatchObject({ type: 'MODIFIED', object: { data: { z: '1' } } });
  await send('DELETE', `${configmaps}/c-2`, { accept: protobuf });
  expect((await frames.next()).value).toMatchObject({ type: 'DELETED', object: { metadata: { name: 'c-2' } } });
  answer.destroy();
});

test('of custom resources there are metadata in protobuf, and nothing else', async () => {
  const metadataForm = (kind: string) => `${protobuf};as=${kind};v=v1;g=meta.k8s.io`;
  const foos = '/apis/example.com/v1/namespaces/default/foos';
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const scale = { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' };
  const versions = [{ name: 'v1', served: true, storage: true, schema, subresources: { status: {}, scale } }];
  const spec = { group: 'example.com', scope: 'Namespaced', names: { kind: 'Foo', plural: 'foos' }, versions };
  const definition = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', metadata: { name: 'foos.example.com' }, spec };
  const json = 'application/json';
  await send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', { accept: json, body: JSON.stringify(definition) });
  const foo = { apiVersion: 'example.com/v1', kind: 'Foo', metadata: { name: 'a' }, spec: { replicas: 1 } };
  expect((await send('POST', foos, { accept: json, body: JSON.stringify(foo) })).status).toBe(201);

  const as = (kind: string) => metadataForm(kind).slice(protobuf.length);
  for (const path of [`${foos}/a`, `${foos}/a/status`, `${foos}/a/scale`])
    expect((await both(path, '', as('PartialObjectMetadata'))).binary).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'a' } });
  expect((await both(foos, '', as('PartialObjectMetadataList'))).binary['items']).toHaveLength(1);
  // What else is accepted is another thing.
  expect((await send('GET', `${foos}/a`, { accept: `${metadataForm('PartialObjectMetadata')},${json}` })).type).toBe(protobuf);

  const initial = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
  const answer = await open('GET', `${foos}?${initial}`, { accept: metadataForm('PartialObjectMetadata') });
  expect(answer.headers['content-type']).toBe(`${protobuf};stream=watch`);
  const frames = framesOf(answer);
  expect((await frames.next()).value).toMatchObject({ type: 'ADDED', object: { kind: 'PartialObjectMetadata', metadata: { name: 'a' } } });
  const annotations = { 'k8s.io/initial-events-end': 'true' };
  expect((await frames.next()).value).toMatchObject({ type: 'BOOKMARK', object: { kind: 'PartialObjectMetadata', metadata: { annotations } } });
  answer.destroy();

  for (const path of [`${foos}/a`, foos, `${foos}?watch=1`, `${foos}/a/scale`]) {
    const refused = await send('GET', path, { accept: protobuf });
    expect([path, refused.status, refused.body.toString().includes(`application/json, application/yaml, ${protobuf}`)]).toEqual([path, 406, true]);
  }
  const asList = await send('GET', `${foos}/a`, { accept: metadataForm('PartialObjectMetadataList') });
  expect(JSON.parse(asList.body.toString())).toEqual({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'content is not a list', code: 500 });
});

/** A length in four bytes, then WatchEvent{type = 1, object = 2{raw = 1}}. */
async function* framesOf(answer: IncomingMessage) {
  let rest = Buffer.alloc(0);
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE(0)) {
      const message = rest.subarray(4, 4 + rest.readUInt32BE(0));
      rest = rest.subarray(4 + message.length);
      const typeLength = message[1] as number;
      const type = message.subarray(2, 2 + typeLength).toString();
      const object = message.subarray(message.indexOf('k8s\0'));
      yield { type, object: (await decodeProtobuf(object)).object };
    }
  }
}

test('every built-in kind can be written, and so can lists of those that are listed', async () => {
  const writer = await protobufWriter();
  const types = definitions.flatMap(({ group, version, kind, verbs }) => {
    const apiVersion = group === '' ? version : `${group}/${version}`;
    return [{ apiVersion, kind }, ...(verbs.includes('list') ? [{ apiVersion, kind: `${kind}List` }] : [])];
  });
  expect(types.filter((type) => !writer.writes(type))).toEqual([]);
});

test('what has no such form is not acceptable, in upstream’s words', async () => {
  const refused = async (path: string, accept: string) => {
    const { status, body } = await send('GET', path, { accept });
    return [status, JSON.parse(body.toString()).message];
  };
  const words = (types: string) => `only the following media types are accepted: ${types}`;
  const all = `application/json, application/yaml, ${protobuf}`;
  expect(await refused(configmaps, `${protobuf};as=Table;v=v1;g=meta.k8s.io`)).toEqual([406, words(all)]);
  const watch = `application/json;stream=watch, ${protobuf};stream=watch`;
  expect(await refused(`${configmaps}?watch=1`, 'application/yaml;as=Table;v=v1;g=meta.k8s.io')).toEqual([406, words(watch)]);
  // Nor is anything done by then.
  const made = await send('POST', configmaps, { accept: `${protobuf};as=Table;v=v1;g=meta.k8s.io`, body: '{"metadata":{"name":"unseen"}}' });
  expect([made.status, (await send('GET', `${configmaps}/unseen`, { accept: '*/*' })).status]).toEqual([406, 404]);
});

test('errors come in the form that is asked for, where there is one', async () => {
  const yaml = await send('GET', `${configmaps}/nope`, { accept: 'application/yaml' });
  expect([yaml.status, yaml.type, yaml.body.toString().includes('code: 404')]).toEqual([404, 'application/yaml', true]);
  const packed = await send('GET', `${configmaps}/nope`, { accept: protobuf });
  expect([packed.status, packed.type, packed.body.subarray(0, 4).toString('latin1')]).toEqual([404, protobuf, 'k8s\0']);
  const api = await send('GET', '/api', { accept: 'application/yaml' });
  expect([api.type, api.body.toString().includes('kind: APIVersions')]).toEqual(['application/yaml', true]);
});

/** `kind apiVersion` of an envelope (runtime.Unknown's type), and whether the object in it has these texts. */
function envelope(body: Buffer, ...texts: string[]) {
  const type = body.subarray(6, 6 + (body[5] as number));
  const [apiVersion, kind] = [type.subarray(2, 2 + (type[1] as number)), type.subarray(4 + (type[1] as number))].map(String);
  return [`${kind} ${apiVersion}`, ...texts.filter((text) => !body.includes(text))];
}

test.each([
  ['/api', 'APIVersions ', ['v1', '0.0.0.0/0']],
  ['/api/v1', 'APIResourceList ', ['configmaps', 'deletecollection']],
  ['/apis', 'APIGroupList v1', ['storage.k8s.io/v1']],
  ['/apis/apps', 'APIGroup v1', ['apps/v1']],
  ['/apis/apps/v1', 'APIResourceList v1', ['statefulsets/scale']],
])('discovery at %s is protobuf for who takes nothing else', async (path, what, texts) => {
  const { type, body } = await send('GET', path, { accept: protobuf });
  expect([type, ...envelope(body, ...texts)]).toEqual([protobuf, what]);
});

test('aggregated discovery has a form of its own in protobuf and YAML', async () => {
  const accept = (media: string) => `${media};g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`;
  const packed = await send('GET', '/apis', { accept: accept(protobuf) });
  expect([packed.type, ...envelope(packed.body, 'statefulsets', 'Namespaced', 'Current')]).toEqual([accept(protobuf), 'APIGroupDiscoveryList apidiscovery.k8s.io/v2']);
  const yaml = await send('GET', '/apis', { accept: accept('application/yaml') });
  expect([yaml.type, yaml.body.toString().split('\n', 1)[0]]).toEqual([accept('application/yaml'), 'apiVersion: apidiscovery.k8s.io/v2']);
});

test('who takes JSON as well gets JSON, as it costs less here', async () => {
  expect(await send('GET', `${configmaps}/c-7`, { accept: `${protobuf},application/json` })).toMatchObject({ type: 'application/json' });
});

test('claims and slices of resource.k8s.io are the same objects in every version, whichever was written', async () => {
  const of = (version: string) => `/apis/resource.k8s.io/${version}/namespaces/default/resourceclaims`;
  const json = async (method: string, path: string, body?: object, contentType = 'application/json') => {
    const reply = await server.send({ method, path, contentType, body });
    return { status: reply.status, json: JSON.parse(reply.text) };
  };
  const request = { name: 'r', deviceClassName: 'gpu', selectors: [{ cel: { expression: 'device.driver == "d"' } }] };
  const flat = { ...request, allocationMode: 'ExactCount', count: 1 };
  const { name, ...exactly } = flat;
  expect(await json('POST', of('v1beta1'), { metadata: { name: 'one' }, spec: { devices: { requests: [request] } } })).toMatchObject({
    status: 201,
    json: { apiVersion: 'resource.k8s.io/v1beta1', spec: { devices: { requests: [flat] } } },
  });
  for (const version of ['v1', 'v1beta2']) expect((await json('GET', `${of(version)}/one`)).json.spec.devices.requests).toEqual([{ name, exactly }]);
  const { json: same, binary } = await both(`${of('v1beta1')}/one`, 'io.k8s.api.resource.v1beta1.ResourceClaim');
  expect(binary).toEqual(same);
  const table = await send('GET', of('v1beta1'), { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
  expect(JSON.parse(table.body.toString()).rows[0].cells.slice(0, 2)).toEqual(['one', 'pending']);

  const apply = (version: string, manager: string, spec: object) =>
    json('PATCH', `${of(version)}/two?fieldManager=${manager}`, { apiVersion: `resource.k8s.io/${version}`, kind: 'ResourceClaim', metadata: { name: 'two' }, spec }, 'application/apply-patch+yaml');
  expect(await apply('v1beta1', 'a', { devices: { requests: [{ name: 'r', deviceClassName: 'gpu' }] } })).toMatchObject({ status: 201 });
  expect(await apply('v1', 'b', { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'tpu' } }] } })).toMatchObject({ status: 409 });
  const status = { allocation: { devices: { results: [{ request: 'r', driver: 'd.example.com', pool: 'p', device: 'x' }] } } };
  const asked = await json('PATCH', `${of('v1beta1')}/two/status`, { status }, 'application/merge-patch+json');
  expect(asked).toMatchObject({ status: 200, json: { apiVersion: 'resource.k8s.io/v1beta1', status } });

  const slices = (version: string) => `/apis/resource.k8s.io/${version}/resourceslices`;
  const device = { attributes: { model: { string: 'm' } }, capacity: { memory: { value: '1Gi' } } };
  const spec = { driver: 'd.example.com', nodeName: 'n1', pool: { name: 'p', generation: 1, resourceSliceCount: 1 } };
  const slice = { metadata: { name: 's' }, spec: { ...spec, devices: [{ name: 'x', ...device }] } };
  expect(await json('POST', slices('v1'), slice)).toMatchObject({ status: 201 });
  const read = await json('GET', `${slices('v1beta1')}?fieldSelector=spec.nodeName%3Dn1`);
  expect(read.json.items.map((item: { spec: object }) => item.spec)).toEqual([{ ...spec, devices: [{ name: 'x', basic: device }] }]);
  const refused = await json('PUT', `${slices('v1beta1')}/s`, { ...slice, spec: { ...spec, driver: 'Other', devices: [{ name: 'x', basic: { ...device, nodeName: 'n' } }] } });
  expect(refused.json.details.causes.map(({ field }: { field: string }) => field)).toEqual(['spec.driver', 'spec.devices[0]']);
});
