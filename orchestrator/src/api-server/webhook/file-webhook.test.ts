import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { CallError } from './call-error.ts';
import { FileWebhook } from './file-webhook.ts';
import type { HttpsAnswer, HttpsCall } from './https-caller.ts';

const target = { url: 'https://hook:1/a//b/' };
const never = new AbortController().signal;

function aWebhook(answer: (call: HttpsCall, asked: number) => HttpsAnswer) {
  const clock = new FakeClock();
  const asked: HttpsCall[] = [];
  const call = async (one: HttpsCall) => answer(one, asked.push(one));
  const webhook = new FileWebhook(target, { caller: { call }, clock, timeoutMs: 3000 });
  return { clock, asked, post: () => webhook.post({ a: 1 }, never, (once) => once()) };
}

const answered = (status: number, text: string, headers = {}): HttpsAnswer => ({
  status,
  headers,
  body: Buffer.from(text),
});
const failed = (status: number, told: object): HttpsAnswer =>
  answered(status, JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', ...told }));

test('a webhook of a file is asked as client-go asks it, and told how long it may take', async () => {
  const { asked, post } = aWebhook(() => answered(200, '{"b":2}'));
  expect(await post()).toEqual({ b: 2 });
  expect(asked).toMatchObject([{ target: { url: 'https://hook:1/a/b?timeout=3s' }, body: '{"a":1}', timeoutMs: 3000 }]);
});

test.each<[string, number, () => HttpsAnswer]>([
  ['busy', 5, () => answered(429, '')],
  ['broken', 5, () => answered(500, '')],
  ['away', 1, () => answered(503, '')],
  [
    'reset',
    5,
    () => {
      throw new CallError('Post "x": read: connection reset by peer');
    },
  ],
  // apiserver util/webhook DefaultShouldRetry: it may have been heard.
  [
    'closed',
    1,
    () => {
      throw new CallError('Post "x": EOF');
    },
  ],
  ['silent', 1, () => answered(200, '')],
  // By the reason that it tells, and where it says when; held against kube-apiserver 1.36.3.
  ['away for a second', 5, () => answered(503, '', { 'retry-after': '1' })],
  ['away for no time', 1, () => answered(503, '', { 'retry-after': '0' })],
  ['late, as it says', 5, () => failed(503, { reason: 'ServerTimeout', details: {} })],
  ['in conflict for a second', 5, () => failed(409, { reason: 'Conflict', details: { retryAfterSeconds: 1 } })],
  ['in conflict', 1, () => failed(409, { reason: 'Conflict', details: {} })],
  ['broken, as it says', 5, () => failed(503, { reason: 'InternalError' })],
  ['broken, and says it is none of that', 1, () => failed(500, { reason: 'Forbidden', code: 500 })],
])('a webhook that is %s is asked %d times', async (_, times, answer) => {
  const { clock, asked, post } = aWebhook(answer);
  const ended = post().catch((error: unknown) => error);
  for (let i = 0; i < 5; i++) await clock.advance(5_000);
  expect(await ended).toBeInstanceOf(CallError);
  expect(asked).toHaveLength(times);
});
