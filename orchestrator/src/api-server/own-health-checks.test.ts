import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { healthPaths } from './health-paths.ts';
import { ownHealthChecks } from './own-health-checks.ts';
import type { ServerRequest } from './server-request.ts';

test('a store that does not answer makes the server unhealthy within two seconds', async () => {
  const clock = new FakeClock();
  let answer: () => void = () => undefined;
  let asked = 0;
  const get = () => {
    asked++;
    return new Promise<undefined>((resolve) => {
      answer = () => resolve(undefined);
    });
  };
  const checks = ownHealthChecks({
    store: { get },
    clock,
    times: undefined,
    limits: { flowConfiguration: 'there' } as never,
    isStarted: () => true,
    isEnding: () => false,
    withRoles: false,
  });
  const request = { query: new URLSearchParams() } as ServerRequest;
  const ready = () => healthPaths(checks)(['readyz'], request);
  const [first, second] = [ready(), ready()];
  await clock.advance(1_999);
  await clock.advance(1);
  for (const one of [first, second])
    expect(await one).toMatchObject({ status: 500, text: expect.stringContaining('[-]etcd failed: reason withheld') });
  expect(asked).toBe(1);
  const later = ready();
  answer();
  expect(await later).toMatchObject({ status: 200, text: 'ok' });
});

test('a store is asked whether it is there and whether it takes writes, each for as long as is said', async () => {
  const clock = new FakeClock();
  const never = () => new Promise<never>(() => undefined);
  const checks = ownHealthChecks({
    store: { get: never, check: never },
    clock,
    times: { healthMs: 500, readyMs: 3_000 },
    limits: { flowConfiguration: 'there' } as never,
    isStarted: () => true,
    isEnding: () => false,
    withRoles: false,
  });
  const failed: string[] = [];
  for (const name of ['etcd', 'etcd-readiness'])
    void Promise.resolve(checks.find((each) => each.name === name)?.check()).catch(() => failed.push(name));
  await clock.advance(499);
  expect(failed).toEqual([]);
  await clock.advance(1);
  expect(failed).toEqual(['etcd']);
  await clock.advance(2_500);
  expect(failed).toEqual(['etcd', 'etcd-readiness']);
});
