import { once } from 'node:events';
import { connect } from 'node:http2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApiServer } from '../harness/api-server.ts';

// As kube-apiserver 1.36.3 answers.
let server: Awaited<ReturnType<typeof anApiServer>>;
beforeAll(async () => {
  server = await anApiServer({ more: { healthChecks: [{ name: 'broken', only: 'readyz', check: () => { throw new Error('no'); } }] } });
  for (const name of ['a', 'b', 'c']) {
    await send('POST', configmaps, { body: { metadata: { name }, data: { z: '1', a: '2' } } });
    await send('POST', events, { body: { metadata: { name }, involvedObject: { namespace: 'default' } } });
  }
});
afterAll(() => server[Symbol.asyncDispose]());

const configmaps = '/api/v1/namespaces/default/configmaps';
const events = '/api/v1/namespaces/default/events';
const send = (method: string, path: string, more: object = {}) => server.send({ method, path, contentType: 'application/json', ...more });
const partials = (as: string) => `application/json;as=${as};v=v1;g=meta.k8s.io`;

test.each([
  ['/healthz', 200, undefined, 'nosniff'],
  ['/livez?verbose', 200, undefined, 'nosniff'],
  ['/readyz', 500, undefined, 'nosniff'],
  ['/readyz/broken', 500, undefined, 'nosniff'],
  ['/readyz/ping', 200, undefined, undefined],
  ['/nope', 404, undefined, 'nosniff'],
  ['/api/v1/watch', 500, undefined, 'nosniff'],
  ['/', 200, undefined, undefined],
  ['/api', 200, undefined, undefined],
  ['/apis/apps', 200, undefined, undefined],
  ['/apis/apps/v1', 200, undefined, undefined],
  ['/version', 200, undefined, undefined],
  ['/openapi/v2', 200, 'Accept', undefined],
])('%s says what it depends on, and that nobody is to guess what it is', async (path, status, vary, sniffing) => {
  const { headers, ...answer } = await send('GET', path);
  expect([answer.status, headers['vary'], headers['x-content-type-options']]).toEqual([status, vary, sniffing]);
});

test('the log of a pod that no node has is nothing, without a type or a length', async () => {
  await send('POST', '/api/v1/namespaces/default/serviceaccounts', { body: { metadata: { name: 'default' } } });
  const body = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  await send('POST', '/api/v1/namespaces/default/pods', { body });
  const { status, text, headers } = await send('GET', '/api/v1/namespaces/default/pods/p/log');
  expect([status, text, headers['content-type'], headers['content-length']]).toEqual([204, '', undefined, undefined]);
});

/** A line that ends, one that does not, or lines whose last does not. */
const formOf = (text: string) => (text.trimEnd().includes('\n') ? 'lines' : 'a line') + (text.endsWith('\n') ? ', ended' : '');

test.each([
  ['/', '*/*', 'lines'],
  ['/version', '*/*', 'lines'],
  ...['/api', '/apis', '/apis/apps', '/apis/apps/v1', '/api/v1/nodes', configmaps, `${configmaps}/a`, `${configmaps}/none`, events].map((path) => [path, '*/*', 'a line, ended']),
  ['/apis', 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList', 'a line, ended'],
  ...[configmaps, '/api/v1/nodes'].map((path) => [path, partials('Table'), 'a line, ended']),
  ...[configmaps, '/api/v1/nodes'].map((path) => [path, partials('PartialObjectMetadataList'), 'a line, ended']),
  [`${configmaps}/a`, partials('PartialObjectMetadata'), 'a line, ended'],
  [`${configmaps}?watch=true&timeoutSeconds=1&resourceVersion=0&fieldSelector=metadata.name%3Da`, '*/*', 'a line, ended'],
  ['/openapi/v3', '*/*', 'a line'],
  ['/openapi/v3/apis/apps/v1', '*/*', 'a line'],
  ['/openapi/v2', '*/*', 'a line'],
  ...[`${configmaps}?pretty=1`, `${configmaps}/a?pretty=true`, '/apis?pretty=1'].map((path) => [path, '*/*', 'lines']),
  [configmaps, 'application/json;pretty=1', 'lines'],
  [`${configmaps}/a`, 'text/html, application/json; pretty=1;q=0.5', 'lines'],
  [`${configmaps}/a?pretty=0`, 'application/json;pretty=1', 'lines'],
  [configmaps, 'application/json;pretty=0', 'a line, ended'],
] as [string, string, string][])('%s asked for as %s is %s', async (path, accept, form) => {
  const { text } = await send('GET', path, { accept });
  JSON.parse(text);
  expect(formOf(text)).toBe(form);
});

test('what an authorizer refuses is not for browsers to guess; what admission refuses is told like any other error', async () => {
  const refused = async (path: string) => (await send('GET', path, { certificate: false })).headers['x-content-type-options'];
  expect([await refused(configmaps), await refused('/nope')]).toEqual(['nosniff', 'nosniff']);
  const late = await send('POST', '/api/v1/namespaces/none/configmaps', { body: { metadata: { name: 'x' } } });
  expect([late.status, late.headers['x-content-type-options']]).toEqual([404, undefined]);
});

test('aggregated discovery depends on what is accepted', async () => {
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
  expect((await send('GET', '/apis', { accept })).headers['vary']).toBe('Accept');
});

test('YAML has its keys in order, lists at the column of their key, and items without a kind', async () => {
  const list = await send('GET', `${configmaps}?fieldSelector=metadata.name%3Da`, { accept: 'application/yaml' });
  const kept = list.text.split('\n').filter((line) => !/^ {4}/.test(line));
  expect(kept).toEqual(['apiVersion: v1', 'items:', '- data:', '  metadata:', 'kind: ConfigMapList', 'metadata:', expect.stringMatching(/^ {2}resourceVersion: "\d+"$/), '']);
  expect(list.text).toContain('- data:\n    a: "2"\n    z: "1"\n  metadata:\n    creationTimestamp: ');
});

test('of a list of whatever is known there are no pages, but of events', async () => {
  const pages = async (path: string, query: string) => {
    const { items, metadata } = JSON.parse((await send('GET', `${path}?limit=1&${query}`)).text);
    return [items.length, 'continue' in metadata];
  };
  expect(await pages(configmaps, 'resourceVersion=0')).toEqual([3, false]);
  expect(await pages(configmaps, 'resourceVersion=0&resourceVersionMatch=NotOlderThan')).toEqual([3, false]);
  expect(await pages(configmaps, 'resourceVersion=0&labelSelector=%21x')).toEqual([3, false]);
  expect(await pages(configmaps, '')).toEqual([1, true]);
  expect(await pages(configmaps, 'resourceVersion=1&resourceVersionMatch=NotOlderThan')).toEqual([1, true]);
  expect(await pages(events, 'resourceVersion=0')).toEqual([1, true]);
});

test('a watch for metadata of lists ends with the first object', async () => {
  const watch = (as: string) => send('GET', `${configmaps}?watch=true&timeoutSeconds=1`, { accept: partials(as) });
  expect(await watch('PartialObjectMetadataList')).toMatchObject({ status: 200, text: '' });
  expect((await watch('PartialObjectMetadata')).text.match(/"type":"ADDED"/g)).toHaveLength(3);
});

test('a request may have thousands of headers, and a thousand over HTTP/2', async () => {
  const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, 'a']));
  expect(await send('GET', '/healthz', { headers: many(5000) })).toMatchObject({ status: 200 });
  const session = connect(`https://127.0.0.1:${server.port}`, { ca: server.authority.cert });
  const [headers] = await once(session.request({ ':path': '/healthz', ...many(1000) }), 'response');
  expect(headers[':status']).toBe(200);
  session.close();
});

test.each([
  ['', 'curl/7.88.1', true],
  ['', 'Mozilla/5.0 (X11)', true],
  ['', 'kubectl/v1.33.0', false],
  ['?pretty=1', 'kubectl/v1.33.0', true],
  ['?pretty=false', 'curl/7.88.1', false],
  ['?pretty=yes', 'curl/7.88.1', false],
])('people get JSON in lines: %s %s', async (query, agent, inLines) => {
  const headers = { 'user-agent': agent };
  for (const path of [`${configmaps}/a`, configmaps, '/apis/apps/v1', `${configmaps}/none`]) {
    const { text } = await send('GET', path + query, { headers });
    const value = JSON.parse(text);
    expect(text.trimEnd()).toBe(inLines ? JSON.stringify(value, null, 2) : JSON.stringify(value));
  }
  const watched = await send('GET', `${configmaps}?watch=true&timeoutSeconds=1&${query.slice(1)}`, { headers });
  expect(watched.text.trimEnd().split('\n')).toHaveLength(3);
});

test('metadata alone: a list of none has none, and what a daemon set has as a field is no annotation', async () => {
  const accept = partials('PartialObjectMetadataList');
  const none = await send('GET', `${configmaps}?labelSelector=no%3Done`, { headers: { accept } });
  expect(JSON.parse(none.text).items).toBe(null);
  const sets = '/apis/apps/v1/namespaces/default/daemonsets';
  const labels = { app: 'x' };
  const spec = { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } } };
  await send('POST', sets, { body: { metadata: { name: 'd' }, spec } });
  const one = await send('GET', `${sets}/d`, { headers: { accept: partials('PartialObjectMetadata') } });
  expect(JSON.parse(one.text).metadata).toMatchObject({ name: 'd' });
  expect(JSON.parse(one.text).metadata.annotations).toBeUndefined();
});

test('a dry run answers a revision and a selfLink as they were sent', async () => {
  const body = { metadata: { name: 'dry', resourceVersion: 'x' } };
  const made = await send('POST', `${configmaps}?dryRun=All`, { body });
  expect({ status: made.status, metadata: JSON.parse(made.text).metadata }).toMatchObject({ status: 201, metadata: { resourceVersion: 'x' } });
  const changed = await send('PUT', `${configmaps}/a?dryRun=All`, { body: { metadata: { name: 'a', selfLink: 'y' } } });
  expect(JSON.parse(changed.text).metadata).toMatchObject({ selfLink: 'y' });
});
