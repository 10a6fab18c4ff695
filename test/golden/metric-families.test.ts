import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApiServer } from '../harness/api-server.ts';

let server: Awaited<ReturnType<typeof anApiServer>>;
beforeAll(async () => {
  server = await anApiServer({ limits: { maxRequestsInFlight: 400, maxMutatingRequestsInFlight: 200 } });
});
afterAll(() => server[Symbol.asyncDispose]());

const scrape = async () => (await server.send({ method: 'GET', path: '/metrics' })).text;

async function valueOf(series: string): Promise<number> {
  const line = (await scrape()).split('\n').find((each) => each.startsWith(`${series} `));
  return Number(line?.split(' ').at(-1) ?? 0);
}

test('who comes in and who may is counted by what became of it, with the time it took', async () => {
  const results = async (name: string, ...of: string[]) =>
    Object.fromEntries(await Promise.all(of.map(async (result) => [result, await valueOf(`${name}{result="${result}"}`)] as const)));
  const tokens = { method: 'GET', path: '/api/v1/nodes', certificate: false, headers: { authorization: 'Bearer nobody' } };
  expect(await server.send(tokens)).toMatchObject({ status: 401 });
  // Nobody has a right to it, and nobody is told so by name.
  expect(await server.send({ method: 'GET', path: '/api/v1/nodes', certificate: false })).toMatchObject({ status: 403 });
  expect(await results('authentication_attempts', 'error', 'failure')).toEqual({ error: 1, failure: 0 });
  expect(await results('authentication_duration_seconds_count', 'error', 'failure')).toEqual({ error: 1, failure: 0 });
  expect(await results('authorization_attempts_total', 'denied', 'no-opinion')).toEqual({ denied: 0, 'no-opinion': 1 });
  expect(await results('authorization_duration_seconds_count', 'no-opinion')).toEqual({ 'no-opinion': 1 });
  const { success } = await results('authentication_duration_seconds_count', 'success');
  expect(success).toBeGreaterThan(0);
  expect(await results('authentication_attempts', 'success')).toEqual({ success: (success as number) + 1 });
  const filters = ['authentication', 'authorization', 'priorityandfairness'];
  for (const filter of filters) expect(await valueOf(`apiserver_request_filter_duration_seconds_count{filter="${filter}"}`)).toBeGreaterThan(0);
});

test('each request with a certificate tells how long that is valid yet', async () => {
  const name = 'apiserver_client_certificate_expiration_seconds';
  const before = await valueOf(`${name}_count`);
  expect(await valueOf(`${name}_bucket{le="86400"}`)).toBe(before + 1);
  // Valid for a day.
  expect(await valueOf(`${name}_bucket{le="43200"}`)).toBe(0);
  expect(await valueOf(`${name}_count`)).toBe(before + 3);
});
