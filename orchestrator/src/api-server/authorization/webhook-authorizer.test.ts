import { FakeClock, silentLogger } from '@berth/kit';
import { expect, test } from 'vitest';
import type { Attributes } from '../authorizer.ts';
import { FileWebhook } from '../webhook/file-webhook.ts';
import type { HttpsAnswer } from '../webhook/https-caller.ts';
import { WebhookAuthorizer, type WebhookObserver } from './webhook-authorizer.ts';

const settings = { version: 'v1', authorizedTtlMs: 0, unauthorizedTtlMs: 0, deniesOnError: false } as const;
const attributes: Attributes = {
  user: { name: 'jane', groups: [] },
  isResource: true,
  verb: 'get',
  namespace: '',
  group: '',
  resource: 'pods',
  subresource: '',
  name: '',
  path: '',
};

function anAuthorizer(answers: readonly HttpsAnswer[]) {
  const clock = new FakeClock();
  const told: unknown[][] = [];
  const observer: WebhookObserver = {
    asked: (...what) => told.push(['asked', ...what]),
    failedOpen: (...what) => told.push(['failed open', ...what]),
    matched: (...what) => told.push(['matched', ...what]),
  };
  const left = [...answers];
  const caller = {
    call: async () => {
      await clock.sleep(10);
      return left.shift() as HttpsAnswer;
    },
  };
  const webhook = new FileWebhook({ url: 'https://hook:1/' }, { caller, clock });
  return {
    clock,
    told,
    authorizer: new WebhookAuthorizer({ ...settings, name: 'w', webhook, observer, clock, log: silentLogger }),
  };
}

const answered = (status: number, value: object = {}): HttpsAnswer => ({
  status,
  headers: {},
  body: Buffer.from(
    status === 200
      ? JSON.stringify({ kind: 'SubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', ...value })
      : '',
  ),
});

test('each time that a webhook is asked is counted with the time it took, without what lies between (plugin/pkg/authorizer/webhook)', async () => {
  const { clock, told, authorizer } = anAuthorizer([answered(500), answered(200, { status: { allowed: true } })]);
  const asking = authorizer.authorize(attributes);
  await clock.advance(10);
  await clock.advance(500);
  await clock.advance(10);
  expect(await asking).toMatchObject({ allowed: true });
  expect(told).toEqual([
    ['asked', 'w', 'error', 0.01],
    ['asked', 'w', 'success', 0.01],
  ]);
});

test('a webhook that has said nothing of use lets others decide once, however often it was asked', async () => {
  const { clock, told, authorizer } = anAuthorizer(Array.from({ length: 5 }, () => answered(500)));
  const asking = authorizer.authorize(attributes);
  for (let i = 0; i < 20; i++) await clock.advance(1000);
  expect(await asking).toMatchObject({ allowed: false });
  expect(told.map(([what]) => what)).toEqual(['asked', 'asked', 'asked', 'asked', 'asked', 'failed open']);
});
