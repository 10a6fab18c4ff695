import { expect, test } from 'vitest';
import type { RuntimeContainer } from '../pods/runtime-pod.ts';
import { asContainerStatus } from './container-state.ts';

test('a container that was ended before it was started ran for no time', () => {
  const finishedAtMs = Date.UTC(2030, 0, 1);
  const container = {
    state: 'CONTAINER_EXITED',
    startedAtMs: 0,
    finishedAtMs,
    exitCode: 137,
    reason: 'Error',
    message: '',
  } as RuntimeContainer;
  const { state } = asContainerStatus(container, { name: 'c' }, 'berth');
  expect(state?.terminated).toMatchObject({ startedAt: '2030-01-01T00:00:00Z', finishedAt: '2030-01-01T00:00:00Z' });
});
