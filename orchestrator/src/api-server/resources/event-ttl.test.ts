import { type Event, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aServer } from '../server.test-harness.ts';

/** `--event-ttl`, which counts from an event's last write. */
test.each([
  ['an hour', undefined, 3600],
  ['as long as they are told to', 90, 90],
  ['for good', 0, undefined],
])('events are kept %s', async (_, eventTtlSeconds, expected) => {
  await using s = await aServer(eventTtlSeconds === undefined ? {} : { limits: { eventTtlSeconds } });
  const ref = { namespace: 'default', name: 'e' };
  await s.client.create<Event>(resources.events, {
    metadata: ref,
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'p' },
    reason: 'Seen',
  });
  const isThere = async () => (await s.client.find(resources.events, ref)) !== undefined;
  if (expected !== undefined) await s.clock.advance((expected - 2) * 1000);
  else await s.clock.advance(48 * 3_600_000);
  expect(await isThere()).toBe(true);
  await s.clock.advance(4000);
  expect(await isThere()).toBe(expected === undefined);
});
