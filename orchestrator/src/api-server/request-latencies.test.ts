import { expect, test } from 'vitest';
import { RequestLatencies } from './request-latencies.ts';

test('where the time of a request of more than half a second went is told, as Go writes durations', () => {
  const latencies = new RequestLatencies(1000);
  latencies.add('authentication', 0.168323);
  latencies.add('mutating-webhook', 100);
  latencies.add('mutating-webhook', 150.25);
  latencies.addBeside('validating-webhook', 90);
  latencies.addBeside('validating-webhook', 30);
  latencies.add('apf-queue-wait', 0);
  expect(latencies.ofOthersMs).toBe(340.25);
  expect(latencies.annotations(1500)).toEqual([]);
  expect(Object.fromEntries(latencies.annotations(2504.130936))).toEqual({
    'apiserver.latency.k8s.io/authentication': '168.323µs',
    'apiserver.latency.k8s.io/mutating-webhook': '250.25ms',
    'apiserver.latency.k8s.io/validating-webhook': '90ms',
    'apiserver.latency.k8s.io/total': '1.504130936s',
  });
});
