import { FakeClock, settle } from '@berth/kit';
import { expect, test } from 'vitest';
import type { HttpsCall } from '../webhook/https-caller.ts';
import { type AuditPlugin, webhookPlugin } from './audit-options.ts';
import { sinkTo } from './audit-sink.ts';
import { AuditWebhook } from './audit-webhook.ts';

function aWebhook(answer: () => number = () => 200, plugin: AuditPlugin = webhookPlugin) {
  const clock = new FakeClock();
  const batches: { items: { auditID: string; kind?: string }[]; kind: string }[] = [];
  const lost: string[] = [];
  const caller = {
    call: async ({ body }: HttpsCall) => {
      const status = answer();
      if (status === 200) batches.push(JSON.parse(String(body)));
      return { status, headers: {}, body: Buffer.alloc(0) };
    },
  };
  const webhook = sinkTo(new AuditWebhook({ target: { url: 'https://audit' }, caller, clock }), {
    plugin,
    clock,
    lost: (name, events, why) => lost.push(`${name} ${events}: ${why}`),
  });
  const line = (id: number, more: object = {}) =>
    `${JSON.stringify({ kind: 'Event', apiVersion: 'audit.k8s.io/v1', auditID: String(id), ...more })}\n`;
  const write = (from: number, count: number) => {
    for (let i = from; i < from + count; i++) void webhook.write(line(i));
  };
  return { clock, webhook, batches, lost, write, line };
}

test('events go in batches: when there are many, and after a while', async () => {
  const { clock, webhook, batches, write } = aWebhook();
  write(0, 450);
  await settle();
  expect(batches.map(({ items }) => items.length)).toEqual([400]);
  expect(batches[0]).toMatchObject({ kind: 'EventList' });
  expect(batches[0]?.items[399]).toEqual({ auditID: '399' });
  await clock.advance(30_000);
  expect(batches.map(({ items }) => items.length)).toEqual([400, 50]);
  await webhook[Symbol.asyncDispose]();
});

test('a server that is away for a while gets them later; one that stays away loses them, and that is told', async () => {
  let down = true;
  const { clock, webhook, batches, lost, write } = aWebhook(() => (down ? 503 : 200));
  write(0, 400);
  await clock.advance(5000);
  down = false;
  await clock.advance(10_000);
  expect(batches).toHaveLength(1);
  down = true;
  write(400, 400);
  for (let i = 0; i < 20; i++) await clock.advance(10_000);
  expect(lost).toEqual(['webhook 400: the audit webhook answered 503']);
  await webhook[Symbol.asyncDispose]();
});

test('at its end it sends what still waits', async () => {
  const { webhook, batches, write } = aWebhook();
  write(0, 3);
  await webhook[Symbol.asyncDispose]();
  expect(batches.map(({ items }) => items.length)).toEqual([3]);
});

test('only so many events wait, and only so many batches go at once', async () => {
  const batch = { bufferSize: 10, maxSize: 2, maxWaitMs: 1000, throttle: { qps: 1, burst: 2 } };
  const { clock, webhook, batches, lost, write } = aWebhook(undefined, { mode: 'batch', batch });
  write(0, 2);
  await settle();
  write(2, 2);
  await settle();
  write(4, 11);
  await settle();
  expect(batches).toHaveLength(2);
  expect(lost).toEqual(['buffered 1: audit buffer queue blocked']);
  for (let i = 0; i < 12; i++) await clock.advance(100);
  expect(batches).toHaveLength(3);
  await webhook[Symbol.asyncDispose]();
  expect(batches).toHaveLength(7);
  write(99, 1);
  expect(lost.at(-1)).toBe('buffered 1: audit backend shut down');
});

test('who blocks waits for the answer, and only the strict hear that there is none', async () => {
  const { batch } = webhookPlugin;
  let status = 200;
  for (const [mode, stored] of [
    ['blocking', true],
    ['blocking-strict', false],
  ] as const) {
    status = 200;
    const { clock, webhook, batches, lost, line } = aWebhook(() => status, { mode, batch });
    expect(webhook.waits).toBe(true);
    expect(await webhook.write(line(1))).toBe(true);
    expect(batches).toHaveLength(1);
    status = 503;
    const pending = webhook.write(line(2));
    for (let i = 0; i < 20; i++) await clock.advance(10_000);
    expect([mode, await pending, lost]).toEqual([mode, stored, ['webhook 1: the audit webhook answered 503']]);
    await webhook[Symbol.asyncDispose]();
  }
});

test('an event that is too large goes without its objects, and one that is too large even so does not', async () => {
  const { webhook, batches, lost, line } = aWebhook(undefined, {
    ...webhookPlugin,
    mode: 'blocking',
    mostEventBytes: 300,
  });
  const large = { requestObject: { a: 'x'.repeat(300) }, responseObject: {} };
  await webhook.write(line(1, { level: 'RequestResponse', ...large, annotations: { a: 'b' } }));
  await webhook.write(line(2, { level: 'Metadata', ...large }));
  await webhook.write(line(3, { level: 'Request', userAgent: 'x'.repeat(300), ...large }));
  await webhook.write(line(4, { level: 'Request' }));
  expect(batches.flatMap(({ items }) => items)).toEqual([
    { auditID: '1', level: 'RequestResponse', annotations: { a: 'b', 'audit.k8s.io/truncated': 'true' } },
    { auditID: '4', level: 'Request' },
  ]);
  expect(lost).toEqual(Array(2).fill('truncate 1: event is too large even after truncating'));
  await webhook[Symbol.asyncDispose]();
});
