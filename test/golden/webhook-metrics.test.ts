import { expect, test } from 'vitest';
import { aWorld, review } from '../harness/webhook-world.ts';

/** The names, labels and codes are upstream's (apiserver pkg/admission/metrics and the webhooks' dispatchers). */

test('calls to webhooks are counted by how they went', async () => {
  await using world = await aWorld(({ body, path }) => {
    const refusal = { allowed: false, status: { code: 418, message: 'no' } };
    return review(body, path.startsWith('/deny') ? refusal : { allowed: true });
  });
  const at = (path: string) => ({ url: `${world.hooks.url}/${path}`, caBundle: world.hooks.caBundle });
  const nowhere = { url: 'https://127.0.0.1:1/x', caBundle: world.hooks.caBundle };
  await world.configure({ name: 'fine.example.com', mutating: true, configuration: 'a', clientConfig: at('fine') });
  await world.configure({ name: 'open.example.com', configuration: 'b', clientConfig: nowhere, failurePolicy: 'Ignore' });
  expect(await world.create('one')).toMatchObject({ status: 201 });
  await world.configure({ name: 'deny.example.com', configuration: 'c', clientConfig: at('deny') });
  expect(await world.create('two')).toMatchObject({ status: 418 });
  await world.send({ method: 'DELETE', path: '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/c' });
  await world.configure({ name: 'closed.example.com', configuration: 'd', clientConfig: nowhere });
  expect(await world.create('three')).toMatchObject({ status: 500 });
  const { text } = await world.api.send({ method: 'GET', path: '/metrics' });
  const lines = text.split('\n').filter((line) => line.startsWith('apiserver_admission_webhook_'));
  const told = lines.filter((line) => !/_bucket|_sum/.test(line)).map((line) => line.slice('apiserver_admission_webhook_'.length));
  const of = (name: string, type: string, rejected: boolean) =>
    `name="${name}.example.com",operation="CREATE",rejected="${rejected}",type="${type}"`;
  expect(told.sort()).toEqual(
    [
      `admission_duration_seconds_count{${of('fine', 'admit', false)}} 3`,
      `admission_duration_seconds_count{${of('open', 'validating', false)}} 3`,
      `admission_duration_seconds_count{${of('deny', 'validating', true)}} 1`,
      `admission_duration_seconds_count{${of('closed', 'validating', true)}} 1`,
      `request_total{code="200",${of('fine', 'admit', false)}} 3`,
      `request_total{code="503",${of('open', 'validating', false)}} 3`,
      `request_total{code="418",${of('deny', 'validating', true)}} 1`,
      `request_total{code="503",${of('closed', 'validating', true)}} 1`,
      'rejection_count{error_type="no_error",name="deny.example.com",operation="CREATE",rejection_code="418",type="validating"} 1',
      'rejection_count{error_type="calling_webhook_error",name="closed.example.com",operation="CREATE",rejection_code="503",type="validating"} 1',
      'fail_open_count{name="open.example.com",type="validating"} 3',
    ].sort(),
  );
  expect(lines.filter((line) => line.includes('_bucket') && line.includes('fine')).map((line) => /le="([^"]*)"/.exec(line)?.[1])).toEqual(
    ['0.005', '0.025', '0.1', '0.5', '1', '2.5', '10', '25', '+Inf'],
  );
});

test('a call that ends with the time of its request is one that failed', async () => {
  await using world = await aWorld(() => undefined);
  for (const [name, failurePolicy] of [
    ['open', 'Ignore'],
    ['closed', 'Fail'],
  ] as const)
    await world.configure({ name: `${name}.example.com`, configuration: name, failurePolicy });
  expect(await world.create('one', {}, '?timeout=1s')).toMatchObject({ status: 504, json: { reason: 'Timeout' } });
  const counted = async () => {
    const { text } = await world.api.send({ method: 'GET', path: '/metrics' });
    return text.split('\n').filter((line) => /^apiserver_admission_webhook_(fail_open|rejection)/.test(line));
  };
  await expect.poll(counted).toEqual([
    'apiserver_admission_webhook_fail_open_count{name="open.example.com",type="validating"} 1',
    'apiserver_admission_webhook_rejection_count{error_type="calling_webhook_error",name="closed.example.com",operation="CREATE",rejection_code="503",type="validating"} 1',
  ]);
});

test('calls that the thread of large requests makes are counted with the others', async () => {
  await using world = await aWorld(({ body }) => review(body, { allowed: true }));
  await world.configure({ name: 'fine.example.com' });
  const data = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, 'v']));
  expect(await world.create('large', { data })).toMatchObject({ status: 201 });
  const { text } = await world.api.send({ method: 'GET', path: '/metrics' });
  const of = 'name="fine.example.com",operation="CREATE",rejected="false",type="validating"';
  expect(text).toContain(`apiserver_admission_webhook_request_total{code="200",${of}} 1`);
});
