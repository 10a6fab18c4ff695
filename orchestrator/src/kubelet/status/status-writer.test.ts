import { FakeClock, silentLogger } from '@berth/kit';
import { KubeClient, type Pod, type PodStatus } from '@berth/kube';
import { expect, test } from 'vitest';
import { FakeApi } from '../testing/fake-api.ts';
import { aPod, podPath } from '../testing/test-node.ts';
import { StatusWriter } from './status-writer.ts';

const never = new AbortController().signal;
const status = (message: string): PodStatus => ({ phase: 'Running', message });

function aWriter() {
  const clock = new FakeClock();
  const api = new FakeApi();
  api.put(podPath('p1'), aPod());
  const pod = api.find<Pod>(podPath('p1')) as Pod;
  const current = () => api.find<Pod>(podPath('p1'));
  const writer = new StatusWriter({ client: new KubeClient(api), clock, log: silentLogger, current });
  return { clock, api, pod, writer };
}

test('a status that is set at whatever moment of the write before it is written too', async () => {
  for (let ticks = 0; ticks < 40; ticks++) {
    const { clock, api, pod, writer } = aWriter();
    writer.set(pod, status('first'));
    for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
    writer.set(pod, status('second'));
    await clock.advance(0);
    expect(api.find<Pod>(podPath('p1'))?.status?.message, `after ${ticks} ticks`).toBe('second');
    await writer.flushed(pod.metadata.uid as string, never);
  }
});

test('nobody waits for the status of a pod that is gone', async () => {
  for (let ticks = 0; ticks < 40; ticks++) {
    const { clock, api, pod, writer } = aWriter();
    writer.set(pod, status('first'));
    api.remove(podPath('p1'));
    for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
    writer.set(pod, status('second'));
    const flushed = writer.flushed(pod.metadata.uid as string, never).then(() => 'flushed');
    await clock.advance(1000);
    expect(
      await Promise.race([
        flushed,
        Promise.resolve()
          .then(() => clock.advance(0))
          .then(() => 'waits'),
      ]),
      `${ticks}`,
    ).toBe('flushed');
  }
});
