import { request } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApiServer, type Pair } from '../harness/api-server.ts';
import { collectGarbage } from '../harness/collect-garbage.ts';

let server: Awaited<ReturnType<typeof anApiServer>>;
let client: Pair;
/** All of one state, whatever the server itself writes meanwhile. */
let listed = '';

const configmaps = '/api/v1/namespaces/default/configmaps';
const megabyte = 1024 * 1024;
const count = 40;

beforeAll(async () => {
  server = await anApiServer();
  client = await server.authority.issue('CN=admin, O=system:masters', 'client');
  for (let i = 0; i < count; i++) {
    const body = { metadata: { name: `m${i}` }, data: { i: `${i}`, text: `${i}é`.repeat(150_000) } };
    const { text } = await server.send({ method: 'POST', path: configmaps, contentType: 'application/json', body });
    listed = `${configmaps}?resourceVersionMatch=Exact&resourceVersion=${JSON.parse(text).metadata.resourceVersion}`;
  }
});
afterAll(() => server[Symbol.asyncDispose]());

/** The answer to a list, of which nothing but its head is read. */
function list(headers: Record<string, string> = {}): Promise<import('node:http').IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: server.port, path: `${listed}&includeObject=Object`, agent: false as const };
    request({ ...options, headers, ca: server.authority.cert, ...client }, resolve).on('error', reject).end();
  });
}

test('a list of many megabytes is the same plain, packed and for people to read', async () => {
  const plain = await list();
  const bytes = await buffer(plain);
  expect(plain.headers['content-length']).toBe(String(bytes.length));
  const { items } = JSON.parse(bytes.toString());
  expect(items.map(({ data }: { data: { i: string; text: string } }) => data.text === `${data.i}é`.repeat(150_000))).toEqual(
    Array(count).fill(true),
  );
  const packed = await list({ 'accept-encoding': 'gzip' });
  expect(packed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
  expect(gunzipSync(await buffer(packed)).equals(bytes)).toBe(true);
  const indented = await buffer(await list({ 'user-agent': 'curl/8' }));
  expect(indented.toString()).toBe(`${JSON.stringify(JSON.parse(bytes.toString()), null, 2)}\n`.trimEnd());
});

/** What is held from now on: what was made and let go counts for as long as nobody swept it. */
async function holding(): Promise<() => Promise<number>> {
  const held = async () => {
    await collectGarbage();
    return process.memoryUsage().external;
  };
  const before = await held();
  return async () => (await held()) - before;
}

/** Less than a request may take: those that are not taken end then. */
const whileAsked = { timeout: 30_000 };

const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';

test('a list that is made for its client has no length, but for a short one', async () => {
  const all = `${listed}&includeObject=Object`;
  const { headers, text, status } = await server.send({ method: 'GET', path: all, accept: table });
  expect([status, headers['content-length'], headers['transfer-encoding']]).toEqual([200, undefined, 'chunked']);
  expect(JSON.parse(text).rows).toHaveLength(count);
  const short = await server.send({ method: 'GET', path: `${configmaps}?fieldSelector=metadata.name=m1`, accept: table });
  expect(short.headers['content-length']).toBe(String(Buffer.byteLength(short.text)));
});

test.each<Record<string, string>>([{}, { 'accept-encoding': 'gzip' }, { accept: table }, { accept: 'application/vnd.kubernetes.protobuf' }])('clients that do not read their list hold little of it: %j', async (headers) => {
  const more = await holding();
  const answers = [];
  for (let i = 0; i < 20; i++) answers.push(await list(headers));
  // One of them alone has 14 MB and more.
  await expect.poll(more, whileAsked).toBeLessThan(5 * 20 * megabyte);
  for (const answer of answers) answer.destroy();
});

test('of a hundred clients that do not read their list most hold little more than what is on its way', async () => {
  const more = await holding();
  const answers = [];
  for (let i = 0; i < 100; i++) answers.push(await list());
  await expect.poll(more, whileAsked).toBeLessThan(50 * megabyte);
  for (const answer of answers) answer.destroy();
});
