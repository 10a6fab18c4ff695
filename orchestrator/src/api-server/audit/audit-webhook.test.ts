import { FakeClock, settle } from '@berth/kit';
import { expect, test } from 'vitest';
import type { HttpsCall } from '../webhook/https-caller.ts';
import { AuditWebhook } from './audit-webhook.ts';

function aWebhook(answer: () => number = () => 200) {
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
  const webhook = new AuditWebhook({ target: { url: 'https://audit' }, caller, clock });
  webhook.tellLost((events, why) => lost.push(`${events}: ${why}`));
  const write = (from: number, count: number) => {
    for (let i = from; i < from + count; i++)
      webhook.write(`${JSON.stringify({ kind: 'Event', apiVersion: 'audit.k8s.io/v1', auditID: String(i) })}\n`);
  };
  return { clock, webhook, batches, lost, write };
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
  expect(lost).toEqual(['400: the audit webhook answered 503']);
  await webhook[Symbol.asyncDispose]();
});

test('at its end it sends what still waits', async () => {
  const { webhook, batches, write } = aWebhook();
  write(0, 3);
  await webhook[Symbol.asyncDispose]();
  expect(batches.map(({ items }) => items.length)).toEqual([3]);
});
