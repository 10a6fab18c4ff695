import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApiServer } from '../harness/api-server.ts';
import { goldenFile } from './resource-rules.ts';

/** One request after the other in a namespace of their own: what some make, others change. */
interface Case {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly contentType?: string;
  readonly body?: object;
  /** Sent as it is. */
  readonly raw?: string;
  /** Of the object that is answered, what is at this path. */
  readonly show?: readonly string[];
  readonly shown?: unknown;
  readonly status: number;
  readonly warnings?: readonly string[];
  readonly message?: string;
}

const files = ['warnings.json', 'refusals.json'];
let server: Awaited<ReturnType<typeof anApiServer>>;

beforeAll(async () => {
  server = await anApiServer();
  for (const [path, name] of [
    ['/api/v1/namespaces', 'golden'],
    ['/api/v1/namespaces/golden/serviceaccounts', 'default'],
  ] as const)
    await server.send({ method: 'POST', path, contentType: 'application/json', body: { metadata: { name } } });
});
afterAll(() => server[Symbol.asyncDispose]());

for (const { id, method, path, contentType, body, raw, show, status, warnings = [], message, shown } of files.flatMap(
  (name) => goldenFile<{ cases: readonly Case[] }>(name).cases,
))
  test(`${id}: answered as upstream`, async () => {
    const type = contentType ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');
    const reply = await server.send({ method, path, contentType: type, body, raw });
    const told = [reply.headers['warning'] ?? []].flat().flatMap((text) => text.split(/, (?=299 - )/));
    const answer = JSON.parse(reply.text.replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}/g, '<uid>'));
    expect({
      status: reply.status,
      warnings: told.map((text) => JSON.parse(text.replace(/^299 - /, '')) as string),
      message: answer.kind === 'Status' ? answer.message : undefined,
      shown: show?.reduce((at, name) => at?.[name], answer),
    }).toEqual({ status, warnings, message, shown });
  });
