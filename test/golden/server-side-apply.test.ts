import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApiServer, type Exchange } from '../harness/api-server.ts';
import { goldenFile } from './resource-rules.ts';

interface Case {
  readonly id: string;
  readonly request: Exchange;
  readonly status: number;
  readonly response: unknown;
}

const { cases } = goldenFile<{ cases: readonly Case[] }>('server-side-apply.json');

let server: Awaited<ReturnType<typeof anApiServer>>;

beforeAll(async () => {
  server = await anApiServer();
});
afterAll(() => server[Symbol.asyncDispose]());

/** One story: each case is about what the ones before have left. */
for (const { id, request, status, response } of cases)
  test(`${id} answers ${status} with upstream's object and managers`, async () => {
    const reply = await server.send(request);
    expect({ status: reply.status, body: comparable(JSON.parse(reply.text)) }).toEqual({ status, body: response });
  });

function comparable(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, each) => {
      if (key === 'uid') return '<uid>';
      if (key === 'resourceVersion') return '<rv>';
      return key === 'time' || key === 'creationTimestamp' ? '<time>' : each;
    }),
  );
}
