import { expect, test } from 'vitest';
import type { HttpsCall, HttpsCaller } from './https-caller.ts';
import { WebhookClient, type WebhookClientConfig } from './webhook-client.ts';

async function asked(config: WebhookClientConfig, answer = '{}'): Promise<string> {
  const urls: string[] = [];
  const caller = {
    call: async ({ target }: HttpsCall) => {
      urls.push(target.url);
      return { status: 200, headers: {}, body: Buffer.from(answer) };
    },
  };
  const client = new WebhookClient(caller as unknown as HttpsCaller, async () => ({ host: '127.0.0.1', port: 1 }));
  await client.post({ config, review: {}, timeoutSeconds: 3 }, AbortSignal.timeout(30_000));
  return urls.join();
}

/** client-go's rest.DefaultVersionedAPIPath. envtest names its webhooks with two slashes. */
test.each([
  ['https://hooks:9443//mutate', 'https://hooks:9443/mutate?timeout=3s'],
  ['https://hooks/a//b/', 'https://hooks/a/b?timeout=3s'],
  ['https://hooks', 'https://hooks/?timeout=3s'],
  ['https://hooks/a/../b', 'https://hooks/b?timeout=3s'],
])('a webhook at %s is asked at %s', async (url, expected) => {
  expect(await asked({ url })).toBe(expected);
});

test.each([
  [undefined, '/'],
  ['/validate', '/validate'],
  ['validate/', '/validate'],
  ['//a//b', '/a/b'],
])('a Service with the path %s is asked at %s', async (path, expected) => {
  const service = { namespace: 'ns', name: 'hook', ...(path === undefined ? {} : { path }) };
  expect(await asked({ service })).toBe(`https://hook.ns.svc:443${expected}?timeout=3s`);
});

test('what a webhook answers may be YAML, whatever its type says; what it is not is told as Go reads it', async () => {
  const wrong = (text: string) => asked({ url: 'https://hooks' }, text).catch((error: Error) => error.message);
  const words = "couldn't get version/kind; json parse error:";
  expect(await wrong('kind: AdmissionReview')).toBe('https://hooks/?timeout=3s');
  expect(await wrong('a: b: c')).toBe('yaml: mapping values are not allowed in this context');
  expect(await wrong('{"a":')).toBe(`${words} unexpected end of JSON input`);
  expect(await wrong('{"a":'.repeat(100_000))).toBe(`${words} invalid character '{' exceeded max depth`);
});
