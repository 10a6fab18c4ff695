import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { apiError } from './api-error.ts';
import { KubeClient } from './client.ts';
import { resources } from './gen/resources.ts';
import { httpTransport } from './http-transport.ts';
import { inClusterConfig, loadKubeconfig } from './kubeconfig.ts';

async function serve(handler: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    server,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function answer(response: ServerResponse, body: unknown, code = 200): void {
  response.writeHead(code, { 'content-type': 'application/json' });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

test('a request carries its body, token and content type, and its Status becomes an ApiError', async () => {
  const seen: unknown[] = [];
  await using api = await serve((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { authorization, 'content-type': type } = request.headers;
      seen.push([request.method, request.url, authorization, type, Buffer.concat(chunks).toString()]);
      if (request.method === 'PATCH') answer(response, apiError('Conflict', 'it changed').status, 409);
      else answer(response, { kind: 'ConfigMap', metadata: { name: 'é' } });
    });
  });
  using transport = httpTransport({ server: `${api.url}/base/`, token: 't' });
  const client = new KubeClient(transport);
  const object = { metadata: { name: 'é', namespace: 'ns' } };
  expect(await client.create(resources.configmaps, object)).toMatchObject({ metadata: { name: 'é' } });
  const patching = client.patch(resources.configmaps, { namespace: 'ns', name: 'a' }, { type: 'merge', patch: {} });
  await expect(patching).rejects.toMatchObject({ code: 'Conflict', message: 'it changed' });
  expect(seen).toEqual([
    [
      'POST',
      '/base/api/v1/namespaces/ns/configmaps',
      'Bearer t',
      'application/json',
      '{"metadata":{"name":"é","namespace":"ns"},"apiVersion":"v1","kind":"ConfigMap"}',
    ],
    ['PATCH', '/base/api/v1/namespaces/ns/configmaps/a', 'Bearer t', 'application/merge-patch+json', '{}'],
  ]);
});

test('an answer without a Status and a server that is not there are ApiErrors too', async () => {
  await using api = await serve((_, response) => answer(response, 'bad gateway', 503));
  using transport = httpTransport({ server: api.url });
  const request = { method: 'GET', path: '/api/v1/pods' } as const;
  await expect(transport.request(request)).rejects.toMatchObject({
    code: 'ServiceUnavailable',
    message: 'GET /api/v1/pods: bad gateway',
  });
  using nowhere = httpTransport({ server: 'http://127.0.0.1:1' });
  await expect(nowhere.request(request)).rejects.toMatchObject({
    code: 'ServiceUnavailable',
    cause: expect.anything(),
  });
  await expect(transport.request(request, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
});

test('a watch joins lines and characters cut by chunks, and ends with the signal', async () => {
  const first = Buffer.from(`${JSON.stringify({ type: 'ADDED', object: { metadata: { name: 'naïve-é' } } })}\n`);
  const second = Buffer.from(`${JSON.stringify({ type: 'DELETED', object: { metadata: { name: 'b' } } })}\n`);
  const all = Buffer.concat([first, second]);
  let closed = false;
  await using api = await serve((_, response) => {
    response.on('close', () => {
      closed = true;
    });
    let at = 0;
    const step = () => {
      if (at >= all.length) return;
      response.write(all.subarray(at, at + 7), () => setImmediate(step));
      at += 7;
    };
    step();
  });
  using transport = httpTransport({ server: api.url });
  const stop = new AbortController();
  const names: unknown[] = [];
  for await (const { type, object } of transport.watch({ method: 'GET', path: '/w?watch=true' }, stop.signal)) {
    names.push([type, object.metadata.name]);
    if (names.length === 2) stop.abort();
  }
  expect(names).toEqual([
    ['ADDED', 'naïve-é'],
    ['DELETED', 'b'],
  ]);
  await expect.poll(() => closed).toBe(true);
});

test('an ERROR event, and a 410 at the start, are thrown; a cut connection is an end', async () => {
  const expired = apiError('Expired', 'too old resource version').status;
  let mode = 'event';
  await using api = await serve((_, response) => {
    if (mode === 'status') return answer(response, expired, 410);
    response.write(`${JSON.stringify(mode === 'event' ? { type: 'ERROR', object: expired } : { type: 'BOOKMARK' })}\n`);
    if (mode === 'cut') setImmediate(() => response.destroy());
  });
  using transport = httpTransport({ server: api.url });
  const watch = async () => {
    let count = 0;
    for await (const _ of transport.watch({ method: 'GET', path: '/w' }, new AbortController().signal)) count++;
    return count;
  };
  await expect(watch()).rejects.toMatchObject({ code: 'Expired' });
  mode = 'status';
  await expect(watch()).rejects.toMatchObject({ code: 'Expired' });
  mode = 'cut';
  expect(await watch()).toBe(1);
});

test('a watch on a dead connection ends half a minute after its own time', async () => {
  await using api = await serve((_, response) => response.write('\n'));
  const clock = new FakeClock();
  using transport = httpTransport({ server: api.url, clock });
  const watching = (async () => {
    for await (const _ of transport.watch(
      { method: 'GET', path: '/w?timeoutSeconds=60' },
      new AbortController().signal,
    ));
  })();
  await expect.poll(() => clock.pending).toBe(1);
  await clock.advance(90_001);
  await watching;
  expect(clock.pending).toBe(0);
});

test('a kubeconfig gives the server, its CA and the credentials of a context', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'berth-kube-'));
  try {
    const path = join(folder, 'config');
    await writeFile(join(folder, 'token'), 'secret\n');
    const config = {
      'current-context': 'a',
      contexts: [
        { name: 'a', context: { cluster: 'c', user: 'u', namespace: 'team' } },
        { name: 'b', context: { cluster: 'c', user: 'plugin' } },
        { name: 'd', context: { cluster: 'c', user: 'bare' } },
      ],
      clusters: [{ name: 'c', cluster: { server: 'https://h:6443', 'certificate-authority-data': 'UEVN' } }],
      users: [
        { name: 'u', user: { tokenFile: 'token' } },
        { name: 'plugin', user: { exec: { command: 'x' } } },
        { name: 'bare' },
      ],
    };
    await writeFile(path, JSON.stringify(config));
    expect(await loadKubeconfig(path)).toEqual({
      namespace: 'team',
      transport: { server: 'https://h:6443', ca: Buffer.from('PEM'), tokenFile: join(folder, 'token') },
    });
    const bare = { server: 'https://h:6443', ca: Buffer.from('PEM') };
    expect(await loadKubeconfig(path, 'd')).toEqual({ namespace: 'default', transport: bare });
    await expect(loadKubeconfig(path, 'b')).rejects.toThrow('exec plugin are not supported');
    await expect(loadKubeconfig(path, 'z')).rejects.toThrow('contexts has no "z"');
    await expect(loadKubeconfig(join(folder, 'none'))).rejects.toThrow('ENOENT');
    await writeFile(path, 'x: [');
    await expect(loadKubeconfig(path)).rejects.toThrow(/^kubeconfig .* at line 1, column 5$/);
    await expect(inClusterConfig({})).rejects.toThrow('not in a cluster');
  } finally {
    await rm(folder, { recursive: true });
  }
});
