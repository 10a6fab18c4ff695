import { FakeClock, settle, silentLogger } from '@berth/kit';
import { expect, test } from 'vitest';
import { MetricRegistry } from '../../metrics/metric-registry.ts';
import { TokenMetrics } from '../metrics/token-metrics.ts';
import { CallError } from '../webhook/call-error.ts';
import { WebhookTokens, type WebhookTokensOptions } from './webhook-tokens.ts';

test('answers of a webhook that are known, asked for and waited for are counted', async () => {
  const clock = new FakeClock();
  const registry = new MetricRegistry();
  const metrics = new TokenMetrics(registry);
  const told = async () =>
    (await registry.text()).match(/^authentication_token_cache_(?!.*_bucket).*/gm)?.map((line) => line.slice(27));
  const pending: PromiseWithResolvers<Record<string, unknown>>[] = [];
  const webhook: WebhookTokensOptions['webhook'] = {
    post: (_review, _signal, ask) => {
      const answer = Promise.withResolvers<Record<string, unknown>>();
      pending.push(answer);
      return ask(() => answer.promise);
    },
  };
  const tokens = new WebhookTokens({
    webhook,
    version: 'v1',
    cacheTtlMs: 60_000,
    audiences: [],
    clock,
    log: silentLogger,
    metrics,
  });
  const two = [tokens.authenticate('t'), tokens.authenticate('t')];
  await settle();
  expect(await told()).toEqual(['active_fetch_count{status="blocked"} 2', 'active_fetch_count{status="in_flight"} 1']);
  await clock.advance(500);
  pending[0]?.resolve({ status: { authenticated: true, user: { username: 'jane' } } });
  expect((await Promise.all(two)).map((user) => user?.name)).toEqual(['jane', 'jane']);
  expect((await tokens.authenticate('t'))?.name).toBe('jane');
  const failing = tokens.authenticate('other');
  await settle();
  pending[1]?.reject(new CallError('away'));
  expect(await failing).toBeUndefined();
  expect(await told()).toEqual([
    'active_fetch_count{status="blocked"} 0',
    'active_fetch_count{status="in_flight"} 0',
    'fetch_total{status="ok"} 1',
    'fetch_total{status="error"} 1',
    'request_duration_seconds_sum{status="miss"} 1',
    'request_duration_seconds_count{status="miss"} 3',
    'request_duration_seconds_sum{status="hit"} 0',
    'request_duration_seconds_count{status="hit"} 1',
    'request_total{status="miss"} 3',
    'request_total{status="hit"} 1',
  ]);
});

test('a webhook that is busy, however often it is asked, is waited for half a minute in all', async () => {
  const clock = new FakeClock();
  const post = (_: object, signal: AbortSignal) =>
    new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  const metrics = new TokenMetrics(new MetricRegistry());
  const tokens = new WebhookTokens({
    webhook: { post },
    version: 'v1',
    cacheTtlMs: 0,
    audiences: [],
    clock,
    log: silentLogger,
    metrics,
  });
  const why: string[] = [];
  const waiting = tokens.authenticate('t', (words) => why.push(words));
  await clock.advance(29_999);
  expect(why).toEqual([]);
  await clock.advance(1);
  expect([await waiting, why]).toEqual([undefined, ['context deadline exceeded']]);
});
