import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { aContainer, aPod, podPath, type TestNode, testNode } from './testing/test-node.ts';

const target = { namespace: 'default', pod: 'p1', container: 'c' };

async function runningPod(): Promise<TestNode> {
  const node = await testNode();
  node.api.put(podPath('p1'), aPod({ restartPolicy: 'Never' }));
  await node.until(() => node.pod('p1')?.status?.phase === 'Running', 'Running');
  await node.settled();
  return node;
}

async function text(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

const signal = () => AbortSignal.timeout(30_000);

test("logs are read from the file of the container's current run", async () => {
  await using node = await runningPod();
  const { logPath } = node.runtime.running('c')?.config ?? { logPath: '' };
  expect(logPath).toBe('c/0.log');
  const path = `${node.root}/logs/default_p1_${node.pod('p1')?.metadata.uid}/c/0.log`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, '2030-01-01T00:00:00.000000000Z stdout F hello\n');
  expect(await text(await node.kubelet.api.logs(target, {}, signal()))).toBe('hello\n');
  node.runtime.exit('c', 0);
  await node.until(() => node.pod('p1')?.status?.phase === 'Succeeded', 'success');
  expect(await text(await node.kubelet.api.logs(target, { follow: true }, signal()))).toBe('hello\n');
});

test('logs of a pod or container that is not there, or has none yet, are refused', async () => {
  await using node = await runningPod();
  const ask = (ref: Partial<typeof target>) => node.kubelet.api.logs({ ...target, ...ref }, {}, signal());
  await expect(ask({ pod: 'nope' })).rejects.toMatchObject({ code: 'NotFound' });
  await expect(ask({ container: 'nope' })).rejects.toMatchObject({
    code: 'BadRequest',
    message: 'container nope is not valid for pod p1',
  });
  node.api.put(podPath('p2'), aPod({ containers: [aContainer({ image: 'none:1' })] }, { name: 'p2' }));
  await node.until(() => node.events.some((event) => event.startsWith('p2 Warning Failed')), 'the failed pull');
  await node.settled();
  await expect(ask({ pod: 'p2' })).rejects.toMatchObject({
    code: 'BadRequest',
    message: `container "c" in pod "p2" is waiting to start: image can't be pulled`,
  });
});

test('a node tells of its pods, its volumes and itself by the paths of kubelet', async () => {
  await using node = await runningPod();
  const page = async (url: string, method = 'GET') => {
    const { status, contentType, chunks } = await node.kubelet.api.page(method, url, signal());
    const body = await text(chunks);
    return { status, contentType, body };
  };
  expect(await page('/healthz')).toEqual({ status: 200, contentType: 'text/plain; charset=utf-8', body: 'ok' });
  expect((await page('/healthz?verbose')).body).toBe('[+]ping ok\n[+]log ok\n[+]syncloop ok\nhealthz check passed\n');
  expect(await page('/healthz/syncloop')).toMatchObject({ status: 200, body: 'ok' });
  const pods = await page('/pods');
  expect(pods).toMatchObject({ status: 200, contentType: 'application/json' });
  const { name, uid } = node.pod('p1')?.metadata ?? {};
  expect(JSON.parse(pods.body)).toMatchObject({
    kind: 'PodList',
    apiVersion: 'v1',
    items: [{ metadata: { name, uid } }],
  });
  expect(JSON.parse(pods.body).items[0]).not.toHaveProperty('kind');
  expect(JSON.parse((await page('/configz')).body)).toMatchObject({
    kubeletconfig: { maxPods: 110, enableSystemLogHandler: false },
  });
  const off = {
    '/logs/': 'logs',
    '/logs/syslog?x=y': 'logs',
    '/debug/pprof/heap': 'profiling',
    '/debug/flags/v': 'flags',
  };
  for (const [url, what] of Object.entries(off))
    expect(await page(url)).toMatchObject({ status: 405, body: `${what} endpoint is disabled.\n` });
  const metrics = (await page('/metrics')).body.split('\n');
  expect(metrics).toContain('kubelet_node_name{node="node-0"} 1');
  expect(metrics).toContain('kubelet_running_pods 1');
  expect(metrics).toContain('kubelet_running_containers{container_state="running"} 1');
  const refusals = {
    '/containerLogs/default/nope/c': [404, 'pod "nope" does not exist'],
    '/containerLogs/default/p1/d': [404, 'container "d" not found in pod "p1"'],
    '/containerLogs/default/p1/c?tailLines=x': [400, '{"message": "Unable to decode query."}'],
    '/containerLogs/default/p1/c?tail=-1': [422, '{"message": "Invalid request."}'],
    '/containerLogs/default/p1/c?previous=1': [400, 'previous terminated container "c" in pod "p1" not found'],
  };
  for (const [url, [status, body]] of Object.entries(refusals)) expect(await page(url)).toMatchObject({ status, body });
  for (const url of ['/', '/spec', '/constructor', '/healthz/more', '/pods/p1', '/stats/'])
    expect(await page(url)).toMatchObject({ status: 404, body: '404 page not found\n' });
});

test('a node runs commands, and tells what keeps a stream from being one before anybody changes protocols', async () => {
  await using node = await runningPod();
  node.runtime.exec = (_container, [command = '']) => ({ exitCode: command === 'false' ? 3 : 0, stdout: 'out\n' });
  const page = async (method: string, url: string) => {
    const { status, isStream, chunks } = await node.kubelet.api.page(method, url, signal());
    return [status, await text(chunks), ...(isStream ? ['stream'] : [])];
  };
  expect(await page('POST', '/run/default/p1/c?cmd=ls+-l')).toEqual([200, 'out\n']);
  expect(await page('POST', '/run/default/p1/uid/c?cmd=false+x')).toEqual([500, "command 'false x' exited with 3: "]);
  expect(await page('POST', '/run/default/p1/d?cmd=ls')).toEqual([500, 'container not found ("d")']);
  expect(await page('GET', '/run/default/p1/c?cmd=ls')).toEqual([405, '405: Method Not Allowed']);
  expect(await page('POST', '/pods')).toEqual([405, '405: Method Not Allowed']);
  const upgrade = [500, 'Upgrade request required\n', 'stream'];
  expect(await page('GET', '/exec/default/p1/c?command=ls&output=1')).toEqual(upgrade);
  expect(await page('POST', '/attach/default/p1/uid/c?input=1')).toEqual(upgrade);
  expect(await page('POST', '/portForward/default/p1')).toEqual(upgrade);
  const none = 'you must specify at least 1 of stdin, stdout, stderr';
  expect(await page('GET', '/exec/default/p1/c?command=ls')).toEqual([400, none]);
  expect(await page('GET', '/exec/default/none/c?command=ls&output=1')).toEqual([404, 'pod does not exist']);
  expect(await page('GET', '/exec/default/p1/d?command=ls&output=1')).toEqual([500, 'container not found ("d")']);
  expect(await page('GET', '/attach/default/p1/d?output=1')).toEqual([500, 'container d not found in pod p1_default']);
  expect(await page('POST', '/portForward/default/p1/other')).toEqual([404, 'pod not found']);
  const [, pods] = await page('GET', '/runningpods/');
  const { name, namespace, uid } = node.pod('p1')?.metadata ?? {};
  const containers = [{ name: 'c', image: 'docker.io/busybox:1', resources: {} }];
  expect(JSON.parse(String(pods)).items).toEqual([
    { metadata: { name, namespace, uid }, spec: { containers }, status: {} },
  ]);
});

test('exec answers the exit code, and refuses a container that does not run', async () => {
  await using node = await runningPod();
  node.runtime.exec = (_container, command) => ({ exitCode: command.length });
  const exec = () => node.kubelet.api.exec(target, ['a', 'b'], { tty: false }, signal());
  expect(await exec()).toBe(2);
  node.runtime.exit('c', 0);
  await expect(exec()).rejects.toMatchObject({ code: 'NotFound', message: 'container not found ("c")' });
});
