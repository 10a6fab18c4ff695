import { Backoff, FakeClock, WorkQueue } from '@berth/kit';
import { expect, test } from 'vitest';
import { ComponentMetrics } from '../api-server/metrics/component-metrics.ts';

test('queues of controllers are told by their names: what came, what waits, what is worked on and for how long', async () => {
  const { registry, queues } = new ComponentMetrics();
  const clock = new FakeClock();
  const aQueue = () =>
    new WorkQueue({ clock, backoff: new Backoff({ initialMs: 1, maxMs: 1 }), observer: queues.observer('claims') });
  const values = async () =>
    (await registry.text()).match(/^workqueue_.*/gm)?.filter((line) => !line.includes('_bucket')) ?? [];
  const queue = aQueue();
  for (const key of ['a', 'b', 'c']) queue.add(key);
  await clock.advance(50);
  const worker = queue[Symbol.asyncIterator]();
  await worker.next();
  await clock.advance(2000);
  queue.addAfter('d', 10);
  expect(await values()).toEqual([
    'workqueue_adds_total{name="claims"} 3',
    'workqueue_depth{name="claims"} 2',
    'workqueue_longest_running_processor_seconds{name="claims"} 2',
    'workqueue_queue_duration_seconds_sum{name="claims"} 0.05',
    'workqueue_queue_duration_seconds_count{name="claims"} 1',
    'workqueue_retries_total{name="claims"} 1',
    'workqueue_unfinished_work_seconds{name="claims"} 2',
    'workqueue_work_duration_seconds_sum{name="claims"} 0',
    'workqueue_work_duration_seconds_count{name="claims"} 0',
  ]);
  const text = await registry.text();
  const bounds = [...text.matchAll(/workqueue_work_duration_seconds_bucket\{name="claims",le="([^"]*)"\}/g)];
  expect(bounds.map(([, bound]) => bound).join(' ')).toBe(
    '1e-08 1e-07 1e-06 9.999999999999999e-06 9.999999999999999e-05 0.001 0.01 0.1 1 10 +Inf',
  );
  await worker.return(undefined);
  await queue[Symbol.asyncDispose]();
  // One that takes its place, as after an election, goes on counting.
  await using next = aQueue();
  next.add('a');
  const after = await values();
  expect(after).toContain('workqueue_adds_total{name="claims"} 4');
  expect(after).toContain('workqueue_depth{name="claims"} 1');
});
