import { expect, test } from 'vitest';
import { startHttpEndpoint } from './http-endpoint.ts';
import { Metrics } from './metrics.ts';

const metricsPath = '/metrics';

test('a histogram counts each value in every bucket that holds it', () => {
  const metrics = new Metrics();
  const family = { name: 'h', help: 'x', bounds: [1, 5] };
  for (const value of [0.5, 3, 9]) metrics.observe(family, { a: 'b"c' }, value);
  expect(metrics.text()).toBe(
    [
      '# HELP h x',
      '# TYPE h histogram',
      'h_bucket{a="b\\"c",le="1"} 1',
      'h_bucket{a="b\\"c",le="5"} 2',
      'h_bucket{a="b\\"c",le="+Inf"} 3',
      'h_sum{a="b\\"c"} 12.5',
      'h_count{a="b\\"c"} 3',
      '',
    ].join('\n'),
  );
});

test('a gauge tells what is now, and nothing of what is gone', () => {
  const metrics = new Metrics();
  const pools = new Map([['a', 1]]);
  metrics.gauge('g', 'x', () => pools.entries().map(([pool, value]) => [{ pool }, value] as const));
  expect(metrics.text()).toBe('# HELP g x\n# TYPE g gauge\ng{pool="a"} 1\n');
  pools.clear();
  expect(metrics.text()).toBe('# HELP g x\n# TYPE g gauge\n');
});

test('the endpoint serves metrics, and health as the driver has it', async () => {
  let healthy = true;
  const health = async () => {
    if (!healthy) throw new Error('the driver does not answer');
  };
  const metrics = new Metrics();
  metrics.count('c', 'x', {});
  await using endpoint = await startHttpEndpoint({ address: '127.0.0.1:0', metricsPath, metrics, health });
  const get = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${endpoint.port}${path}`);
    return { status: answer.status, text: await answer.text() };
  };
  expect(await get('/metrics')).toEqual({ status: 200, text: '# HELP c x\n# TYPE c counter\nc 1\n' });
  expect(await get('/healthz')).toEqual({ status: 200, text: 'ok' });
  healthy = false;
  expect(await get('/healthz')).toEqual({ status: 500, text: 'the driver does not answer\n' });
  for (const path of ['/else', '//', '/metrics/']) expect((await get(path)).status).toBe(404);
  expect((await get('/metrics?x=//')).status).toBe(200);
  metrics.gauge('g', 'x', () => {
    throw new Error('the disk is gone');
  });
  expect(await get('/metrics')).toEqual({ status: 500, text: 'the disk is gone\n' });
});

test('an address in use or malformed is an error that says so', async () => {
  const options = { metricsPath, metrics: new Metrics(), health: async () => undefined };
  await using first = await startHttpEndpoint({ ...options, address: '127.0.0.1:0' });
  await expect(startHttpEndpoint({ ...options, address: `127.0.0.1:${first.port}` })).rejects.toThrow(/EADDRINUSE/);
  await expect(startHttpEndpoint({ ...options, address: 'nonsense' })).rejects.toThrow(RangeError);
});
