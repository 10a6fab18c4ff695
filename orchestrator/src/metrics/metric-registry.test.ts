import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { HighWaterMark } from './high-water-mark.ts';
import { MetricRegistry } from './metric-registry.ts';

test('families come by name, series with their labels, and hostile values escaped', async () => {
  const metrics = new MetricRegistry();
  const counter = metrics.counter('b_total', 'B.', ['x', 'y']);
  counter.at('1', 'a"b\\c\nd').add(2);
  counter.at('1', 'a"b\\c\nd').add();
  metrics.histogram('a_seconds', 'A.', ['z'], [1, 5]).at('q').observe(3);
  metrics.gauge('c', 'C.', [], async () => [[[], 7]]);
  metrics.gauge('nothing', 'N.', ['a'], () => []);
  expect(await metrics.text()).toBe(
    [
      '# HELP a_seconds A.',
      '# TYPE a_seconds histogram',
      'a_seconds_bucket{z="q",le="1"} 0',
      'a_seconds_bucket{z="q",le="5"} 1',
      'a_seconds_bucket{z="q",le="+Inf"} 1',
      'a_seconds_sum{z="q"} 3',
      'a_seconds_count{z="q"} 1',
      '# HELP b_total B.',
      '# TYPE b_total counter',
      'b_total{x="1",y="a\\"b\\\\c\\nd"} 3',
      '# HELP c C.',
      '# TYPE c gauge',
      'c 7',
      '',
    ].join('\n'),
  );
});

test('a high-water mark remembers the last second, and no more', async () => {
  const clock = new FakeClock();
  const mark = new HighWaterMark(clock);
  for (let i = 0; i < 5; i++) mark.add(1);
  for (let i = 0; i < 4; i++) mark.add(-1);
  expect([mark.current, mark.most]).toEqual([1, 5]);
  await clock.advance(1000);
  expect(mark.most).toBe(5);
  await clock.advance(1000);
  expect(mark.most).toBe(1);
});
