import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@berth/kit';
import { expect, onTestFinished, test } from 'vitest';
import { anApiServer } from '../harness/api-server.ts';
import type { Answerer } from '../harness/webhook-server.ts';
import { aWorld, review } from '../harness/webhook-world.ts';

// Names, labels and numbers are those of kube-apiserver 1.36.3 after the same requests.
const configmaps = '/api/v1/namespaces/default/configmaps';
const json = 'application/json';

async function aServer() {
  const server = await anApiServer();
  const admin = await server.authority.issue('CN=nobody', 'client');
  /** Series of a family with their numbers, as `label=value …: number`; of buckets none. */
  const seriesOf = async (name: string) => {
    const { text } = await server.send({ method: 'GET', path: '/metrics' });
    return text.split('\n').flatMap((line) => {
      const [, labels = '', number] = new RegExp(`^${name}\\{(.*)\\} (\\S+)$`).exec(line) ?? [];
      return number === undefined ? [] : [`${labels.replaceAll(/\w+="",?/g, '').replaceAll(/"|,$/g, '').replaceAll(',', ' ')}: ${number}`];
    });
  };
  return { ...server, nobody: admin, seriesOf };
}

async function askAll({ send, nobody }: Awaited<ReturnType<typeof aServer>>): Promise<void> {
  const body = { metadata: { name: 'a' }, data: { k: 'v' } };
  const applied = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', ...body });
  const sent = [
    await send({ method: 'POST', path: configmaps, contentType: json, body }),
    await send({ method: 'POST', path: `${configmaps}?dryRun=All`, contentType: json, body: { metadata: { name: 'b' } } }),
    await send({ method: 'PUT', path: `${configmaps}/a`, contentType: json, body }),
    await send({ method: 'PATCH', path: `${configmaps}/a`, contentType: 'application/merge-patch+json', body: { data: { k: 'w' } } }),
    await send({ method: 'PATCH', path: `${configmaps}/a?fieldManager=m&force=true`, contentType: 'application/apply-patch+yaml', raw: applied }),
    await send({ method: 'GET', path: `${configmaps}/a` }),
    await send({ method: 'GET', path: `${configmaps}/none` }),
    await send({ method: 'GET', path: configmaps }),
    await send({ method: 'GET', path: `${configmaps}?watch=1&timeoutSeconds=1` }),
    await send({ method: 'DELETE', path: `${configmaps}/a` }),
    await send({ method: 'DELETE', path: configmaps }),
    // Nobody serves these.
    await send({ method: 'GET', path: configmaps, certificate: nobody }),
    await send({ method: 'GET', path: configmaps, certificate: false, headers: { authorization: 'Bearer none' } }),
    await send({ method: 'GET', path: '/api/v1/nothings' }),
    await send({ method: 'POST', path: '/apis/none.example.com/v1/nothings', contentType: json, body }),
    // Of paths these alone are told.
    ...(await Promise.all(['/healthz', '/livez?verbose', '/version', '/apis', '/nowhere', '/openapi/v3', '/openapi/v3/apis/apps/v1'].map((path) => send({ method: 'GET', path })))),
  ].map(({ status }) => status);
  expect(sent).toEqual([201, 201, 200, 200, 200, 200, 404, 200, 200, 200, 200, 403, 401, 404, 404, 200, 200, 200, 200, 404, 200, 200]);
}

test('requests are counted by what served them: who was not let in, and what is not there, was served by nobody', async () => {
  await using server = await aServer();
  await askAll(server);
  const own = 'component=apiserver';
  const about = 'resource=configmaps scope';
  const paths = ['/healthz', '/livez', 'openapi/v3', 'openapi/v3/'].map((path) => `subresource=${path} verb=GET`);
  const served = [
    `${own} ${about}=namespace verb=DELETE version=v1`,
    `${own} ${about}=namespace verb=LIST version=v1`,
    `${own} ${about}=resource verb=APPLY version=v1`,
    `${own} ${about}=resource verb=DELETE version=v1`,
    `${own} ${about}=resource verb=GET version=v1`,
    `${own} ${about}=resource verb=PATCH version=v1`,
    `${own} ${about}=resource verb=POST version=v1`,
    `${own} ${about}=resource verb=PUT version=v1`,
  ];
  const once = served.filter((labels) => !/GET|POST/.test(labels));
  const watch = `${own} ${about}=namespace verb=WATCH version=v1`;
  const dry = `component=apiserver dry_run=All ${about}=resource verb=POST version=v1`;
  // Besides, parts of the server ask it for what it needs.
  const total = (await server.seriesOf('apiserver_request_total')).filter((line) => !/group=|[^b]resource=(?!configmaps)/.test(line));
  const expected = [
    ...[...once, watch].map((labels) => `code=200 ${labels}: 1`),
    `code=200 ${served[4]}: 1`,
    `code=404 ${served[4]}: 1`,
    `code=201 ${served[6]}: 1`,
    `code=201 ${dry}: 1`,
    ...paths.map((labels) => `code=200 ${labels}: 1`),
  ];
  expect(total.sort()).toEqual(expected.sort());
  // What dry runs and watches take says nothing of the server.
  const timed = [...once, served[6], ...paths].map((labels) => `${labels}: 1`);
  expect((await server.seriesOf('apiserver_request_sli_duration_seconds_count')).sort()).toEqual([...timed, `${served[4]}: 2`].sort());
  const sized = [served[1], watch, ...paths].map((labels) => `${labels}: 1`);
  expect((await server.seriesOf('apiserver_response_sizes_count')).sort()).toEqual([...sized, `${served[4]}: 2`].sort());
  const bodies = ['create: 2', 'delete: 1', 'delete_collection: 1', 'patch: 2', 'update: 1'];
  expect((await server.seriesOf('apiserver_request_body_size_bytes_count')).sort()).toEqual(bodies.map((verb) => `resource=configmaps verb=${verb}`));
});

test('what a webhook takes is no time of the server, and an audit event says whose it was', async () => {
  const clock = new FakeClock();
  const folder = mkdtempSync(join(tmpdir(), 'berth-latencies-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [policyFile, logPath] = [join(folder, 'policy.yaml'), join(folder, 'audit.log')];
  writeFileSync(policyFile, JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules: [{ level: 'Metadata' }] }));
  const answer: Answerer = async ({ body }) => {
    await clock.advance(2000);
    return review(body, { allowed: true });
  };
  await using world = await aWorld(answer, { api: { clock, limits: { audit: { policyFile, logPath } } } });
  await world.configure({ mutating: true });
  expect(await world.create('a')).toMatchObject({ status: 201 });
  const { text } = await world.api.send({ method: 'GET', path: '/metrics' });
  const sum = (name: string) => new RegExp(`^${name}_sum\\{.*resource="configmaps".* (\\S+)$`, 'm').exec(text)?.[1];
  expect([sum('apiserver_request_duration_seconds'), sum('apiserver_request_sli_duration_seconds')]).toEqual(['2', '0']);
  const events = readFileSync(logPath, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  const told = ({ annotations = {} }: { annotations?: object }) => Object.entries(annotations).filter(([key]) => key.startsWith('apiserver.latency'));
  expect(events.map(told).filter((each) => each.length > 0)).toEqual([
    [['apiserver.latency.k8s.io/mutating-webhook', '2s'], ['apiserver.latency.k8s.io/total', '2s']],
  ]);
});

test('requests to act as somebody else are told by the way in which that was allowed', async () => {
  await using server = await aServer();
  const jane = { 'Impersonate-User': 'jane' };
  const as = (headers: Record<string, string>, more: object = {}) => server.send({ method: 'GET', path: '/api/v1/nodes', headers, ...more });
  const masters = { ...jane, 'Impersonate-Group': 'system:masters' };
  expect([await as(jane), await as(masters), await as(masters)].map(({ status }) => status)).toEqual([403, 200, 200]);
  expect(await as(jane, { certificate: server.nobody })).toMatchObject({ status: 403 });
  expect(await as({ 'Impersonate-Uid': '1' })).toMatchObject({ status: 400 });
  const attempts = ['decision=allowed mode=legacy: 2', 'decision=allowed mode=user-info: 1', 'decision=denied: 1'];
  expect((await server.seriesOf('apiserver_impersonation_attempts_total')).sort()).toEqual(attempts);
  expect((await server.seriesOf('apiserver_impersonation_attempts_duration_seconds_count')).sort()).toEqual(attempts);
  // The way that was allowed last is tried first: the old one asks for the user and the group.
  expect((await server.seriesOf('apiserver_impersonation_authorization_attempts_total')).sort()).toEqual([
    'decision=allowed mode=legacy: 4',
    'decision=allowed mode=user-info: 4',
    'decision=denied mode=legacy: 1',
    'decision=denied mode=user-info: 1',
  ]);
});
