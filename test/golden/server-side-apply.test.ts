import { systemClock } from '@berth/kit';
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

/** All of it was recorded within a second, by which managers are ordered: the story has one moment, however slow the machine. */
const moment = systemClock.now();

beforeAll(async () => {
  server = await anApiServer({ clock: { ...systemClock, now: () => moment } });
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
