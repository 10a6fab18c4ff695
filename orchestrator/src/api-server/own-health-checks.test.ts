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
