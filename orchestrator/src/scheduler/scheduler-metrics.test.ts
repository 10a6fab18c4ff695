import { resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aNode, aPod, requests, scene } from '../../../test/harness/scheduler-scene.ts';

test('attempts, waits, queues and preemptions are told', async () => {
  await using s = await scene();
  const told = async () => {
    const lines = (await s.metrics()).split('\n').filter((line) => !line.startsWith('#') && !line.includes('_bucket'));
    return new Map(
      lines.map((line) => [line.slice('scheduler_'.length, line.lastIndexOf(' ')), line.split(' ').at(-1)]),
    );
  };
  const pod = (name: string, priority: number) =>
    s.client.create(resources.pods, aPod(name, { ...requests('2'), priority, schedulerName: 'default-scheduler' }));
  await pod('low', 1);
  await s.quiet();
  const waiting = await told();
  expect(waiting.get('pending_pods{queue="unschedulable"}')).toBe('1');
  expect(waiting.get('schedule_attempts_total{profile="default-scheduler",result="unschedulable"}')).toBe('1');
  await s.client.create(resources.nodes, aNode('a'));
  await s.clock.advance(1000);
  await s.quiet();
  const placed = await told();
  expect(placed.get('schedule_attempts_total{profile="default-scheduler",result="scheduled"}')).toBe('1');
  expect(placed.get('scheduling_attempt_duration_seconds_count{profile="default-scheduler",result="scheduled"}')).toBe(
    '1',
  );
  // It waited for its back-off.
  expect(placed.get('pod_scheduling_sli_duration_seconds_sum{attempts="2"}')).toBe('1');
  expect([placed.get('pod_scheduling_attempts_sum'), placed.get('pod_scheduling_attempts_count')]).toEqual(['2', '1']);
  expect([placed.get('cache_size{type="nodes"}'), placed.get('cache_size{type="pods"}')]).toEqual(['1', '1']);
  expect(placed.get('pending_pods{queue="unschedulable"}')).toBe('0');
  const before = Number(placed.get('preemption_attempts_total'));
  await pod('high', 10);
  await s.quiet();
  const preempted = await told();
  expect(Number(preempted.get('preemption_attempts_total'))).toBe(before + 1);
  expect([preempted.get('preemption_victims_sum'), preempted.get('preemption_victims_count')]).toEqual(['1', '1']);
});
