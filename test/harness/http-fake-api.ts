import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApiError, type ApiRequest } from '@berth/kube';
import type { FakeApi } from './fake-api.ts';

/** Serves a FakeApi over plain HTTP, for programs that are started as processes. */
export async function serveFakeApi(api: FakeApi): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((request, response) => {
    answer(api, request, response).catch((error: unknown) => fail(response, error));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(api: FakeApi, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const request: ApiRequest = {
    method: incoming.method as ApiRequest['method'],
    path: incoming.url ?? '/',
    ...(text === '' ? {} : { body: JSON.parse(text) as unknown }),
    ...(incoming.headers['content-type'] ? { contentType: incoming.headers['content-type'] } : {}),
  };
  response.setHeader('content-type', 'application/json');
  if (!/[?&]watch=true/.test(request.path)) {
    response.end(JSON.stringify(await api.request(request)));
    return;
  }
  const stop = new AbortController();
  response.on('close', () => stop.abort());
  response.flushHeaders();
  for await (const event of api.watch(request, stop.signal)) response.write(`${JSON.stringify(event)}\n`);
  response.end();
}

function fail(response: ServerResponse, error: unknown): void {
  const status = error instanceof ApiError ? error.status : { kind: 'Status', code: 500, message: String(error) };
  if (!response.headersSent) response.statusCode = status.code ?? 500;
  response.end(JSON.stringify(status));
}
