import { once } from 'node:events';
import { decodeProtobuf } from '@berth/kube';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { NodeApi } from '../../orchestrator/src/node-api.ts';
import { anApiServer, type Pair } from '../harness/api-server.ts';

// As kube-apiserver 1.36.3 answers, which wants an Origin besides, whichever it is.
let server: Awaited<ReturnType<typeof anApiServer>>;
let admin: Pair;
beforeAll(async () => {
  async function* logs() {
    yield Buffer.from('one\n');
    yield Buffer.from('two\n');
  }
  server = await anApiServer({ more: { nodeApi: () => ({ logs: async () => logs() }) as unknown as NodeApi } });
  admin = await server.authority.issue('CN=admin, O=system:masters', 'client');
  await create({ metadata: { name: 'first' }, data: { a: 'ü' } });
});
afterAll(() => server[Symbol.asyncDispose]());

const configmaps = '/api/v1/namespaces/default/configmaps';
const watched = `${configmaps}?watch=true&fieldSelector=metadata.name%3Dfirst`;
const contentType = 'application/json';
const create = (body: object, path = configmaps) => server.send({ method: 'POST', path, contentType, body });

interface Message {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

interface Asked {
  readonly accept?: string;
  readonly protocols?: string[];
  readonly pair?: Pair;
}

function open(path: string, { accept, protocols = [], pair = admin }: Asked = {}) {
  const headers = accept === undefined ? {} : { accept };
  const socket = new WebSocket(`wss://127.0.0.1:${server.port}${path}`, protocols, { ca: server.authority.cert, ...pair, headers });
  const messages: Message[] = [];
  socket.on('message', (data: Buffer, isBinary) => messages.push({ data, isBinary }));
  return { socket, messages };
}

/** All there is until the server ends it, with the code it gives. */
async function whole(path: string, asked?: Asked) {
  const { socket, messages } = open(path, asked);
  const [code] = await once(socket, 'close');
  return { code, messages, protocol: socket.protocol };
}

async function refused(path: string, asked?: Asked): Promise<[status: number | undefined, message: unknown]> {
  const { socket } = open(path, asked);
  const [, answer] = await once(socket, 'unexpected-response');
  let text = '';
  for await (const chunk of answer) text += chunk;
  return [answer.statusCode, text.startsWith('{') ? JSON.parse(text).message : text];
}

const events = (messages: readonly Message[]) => messages.map(({ data }) => JSON.parse(data.toString()));

test('a watch over a WebSocket tells each event in a text, and ends with its time', async () => {
  const { code, messages, protocol } = await whole(`${watched}&timeoutSeconds=1`);
  expect([code, protocol, messages.map(({ isBinary }) => isBinary)]).toEqual([1000, '', [false]]);
  expect(messages[0]?.data.toString()).toMatch(/^\{"type":"ADDED".*\}\n$/);
  expect(events(messages)).toMatchObject([{ type: 'ADDED', object: { kind: 'ConfigMap', data: { a: 'ü' } } }]);
});

test('it goes on, and ends where its client leaves', async () => {
  const { socket, messages } = open(`${configmaps}?watch=true&resourceVersion=${server.store.revision}`);
  await once(socket, 'open');
  for (const name of ['second', 'third']) await create({ metadata: { name } });
  await expect.poll(() => events(messages).map(({ type, object }) => [type, object.metadata.name])).toEqual([['ADDED', 'second'], ['ADDED', 'third']]);
  const watching = async () => /^apiserver_longrunning_requests\{.*verb="WATCH".*\} \d+$/m.test((await server.send({ method: 'GET', path: '/metrics' })).text);
  expect(await watching()).toBe(true);
  socket.close();
  await once(socket, 'close');
  await expect.poll(watching).toBe(false);
});

test('a client that names one protocol gets it, with the same messages', async () => {
  for (const protocol of ['binary.k8s.io', 'base64.binary.k8s.io', 'anything']) {
    const { messages, ...rest } = await whole(`${watched}&timeoutSeconds=1`, { protocols: [protocol] });
    expect(rest).toEqual({ code: 1000, protocol });
    expect(events(messages)).toMatchObject([{ object: { metadata: { name: 'first' } } }]);
  }
});

test('protobuf comes in binary messages without a length before them, tables and metadata in texts', async () => {
  const { messages } = await whole(`${watched}&timeoutSeconds=1`, { accept: 'application/vnd.kubernetes.protobuf' });
  expect(messages.map(({ isBinary }) => isBinary)).toEqual([true]);
  const bytes = (messages[0] as Message).data;
  expect(bytes.subarray(0, 7).toString('latin1')).toBe('\n\x05ADDED');
  const { object } = await decodeProtobuf(bytes.subarray(bytes.indexOf('k8s\0')), {});
  expect(object).toMatchObject({ kind: 'ConfigMap', metadata: { name: 'first' } });
  for (const as of ['Table', 'PartialObjectMetadata']) {
    const shown = await whole(`${watched}&timeoutSeconds=1`, { accept: `application/json;as=${as};v=v1;g=meta.k8s.io` });
    expect(events(shown.messages)).toMatchObject([{ type: 'ADDED', object: { kind: as } }]);
  }
});

test('what is wrong with a watch is told before the protocol changes', async () => {
  const nobody = await server.authority.issue('CN=nobody', 'client');
  expect(await refused(`${configmaps}?watch=true&resourceVersion=x`)).toEqual([500, expect.stringContaining('Invalid value: "x"')]);
  expect(await refused(watched, { accept: 'application/yaml' })).toEqual([406, expect.stringContaining('application/json;stream=watch')]);
  expect(await refused(watched, { pair: nobody })).toEqual([403, expect.stringContaining('User "nobody" cannot watch resource "configmaps"')]);
});

test.each([
  ['', true, 'one\ntwo\n', (data: Buffer) => data.toString()],
  ['binary.k8s.io', true, 'one\ntwo\n', (data: Buffer) => data.toString()],
  ['base64.binary.k8s.io', false, 'one\ntwo\n', (data: Buffer) => Buffer.from(data.toString(), 'base64').toString()],
])('a log over a WebSocket comes behind an empty message (%j)', async (protocol, isBinary, text, decode) => {
  const spec = { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] };
  await create({ metadata: { name: 'default' } }, '/api/v1/namespaces/default/serviceaccounts');
  await create({ metadata: { name: 'p' }, spec }, '/api/v1/namespaces/default/pods');
  const { code, messages, ...rest } = await whole('/api/v1/namespaces/default/pods/p/log', { protocols: protocol ? [protocol] : [] });
  expect([code, rest.protocol, messages[0]?.data.length]).toEqual([1000, protocol, 0]);
  expect(messages.every((message) => message.isBinary === isBinary)).toBe(true);
  expect(messages.map(({ data }) => decode(data)).join('')).toBe(text);
});

test.each([
  ['GET', `${configmaps}/first`, 'websocket', 200],
  ['GET', configmaps, 'websocket', 200],
  ['GET', '/version', 'websocket', 200],
  ['GET', '/nope', 'websocket', 404],
  ['GET', `${watched}&timeoutSeconds=1`, 'foo', 200],
  ['GET', `${watched}&timeoutSeconds=1`, 'SPDY/3.1', 200],
  ['POST', `${configmaps}?dryRun=All`, 'websocket', 201],
  ['POST', `${configmaps}?dryRun=All`, 'h2c', 201],
  ['GET', '/api/v1/namespaces/default/pods/x/exec', 'foo', 404],
])('%s %s with Upgrade: %s is a request like others', async (method, path, upgrade, status) => {
  const headers = { connection: 'Upgrade', upgrade, 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
  const body = method === 'POST' ? { contentType, body: { metadata: { name: 'upgraded' } } } : {};
  expect(await server.send({ method, path, headers, ...body })).toMatchObject({ status });
});
