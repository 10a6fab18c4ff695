import type { ContainerStatus, Pod, PodStatus } from '@berth/kube';
import { expect, test } from 'vitest';
import { podCells } from './cells.ts';

const now = Date.parse('2026-01-01T00:00:00Z');
const ago = (seconds: number) => new Date(now - seconds * 1000).toISOString();
const running = { state: { running: {} } };
const ended = (exitCode: number, reason?: string) => ({
  state: { terminated: { exitCode, ...(reason && { reason }) } },
});
const waiting = (reason?: string) => ({ state: { waiting: { ...(reason && { reason }) } } });
const restarted = (restartCount: number, seconds: number) => ({
  restartCount,
  lastState: { terminated: { exitCode: 1, finishedAt: ago(seconds) } },
});
const ready = { type: 'Ready', status: 'True' };
const initialized = { type: 'Initialized', status: 'True' };

interface Shape {
  readonly containers?: number;
  readonly init?: number;
  readonly sidecars?: number;
  readonly deleted?: boolean;
}

function cells({ containers = 1, init = 0, sidecars = 0, deleted = false }: Shape, status: object): unknown[] {
  const named = (prefix: string, count: number, more = {}) =>
    Array.from({ length: count }, (_, index) => ({ name: `${prefix}-${index}`, ...more }));
  const pod: Pod = {
    metadata: { name: 'p', ...(deleted && { deletionTimestamp: ago(10) }) },
    spec: {
      containers: named('main', containers),
      initContainers: [...named('sidecar', sidecars, { restartPolicy: 'Always' }), ...named('init', init)],
    },
    status: status as PodStatus,
  };
  return ['Ready', 'Status', 'Restarts'].map((column) => podCells[column]?.(pod as never, now));
}

function states(prefix: string, ...all: object[]): ContainerStatus[] {
  const basic = { image: '', imageID: '', ready: false, restartCount: 0 };
  return all.map((state, index) => ({ ...basic, name: `${prefix}-${index}`, ...state }));
}

const main = (...all: object[]) => states('main', ...all);

// From upstream's TestPrintPod and TestPrintPodWithRestartableInitContainer.
test.each<[string, Shape, object, string[]]>([
  [
    'a container that is ready but not running does not count',
    { containers: 2 },
    {
      phase: 'Pending',
      containerStatuses: main({ ...running, ready: true, restartCount: 3 }, { ready: true, restartCount: 3 }),
    },
    ['1/2', 'Pending', '6'],
  ],
  ['a reason of the pod goes before its phase', {}, { phase: 'Failed', reason: 'Evicted' }, ['0/1', 'Evicted', '0']],
  [
    'the first container decides',
    { containers: 2 },
    { phase: 'Running', containerStatuses: main(waiting('CrashLoopBackOff'), ended(1, 'Error')) },
    ['0/2', 'CrashLoopBackOff', '0'],
  ],
  [
    'one of two containers completed, the pod ready',
    { containers: 2 },
    {
      phase: 'Running',
      conditions: [ready],
      containerStatuses: main(ended(0, 'Completed'), { ...running, ready: true }),
    },
    ['1/2', 'Running', '0'],
  ],
  [
    'one of two containers completed, the pod not ready',
    { containers: 2 },
    { phase: 'Running', containerStatuses: main(ended(0, 'Completed'), { ...running, ready: true }) },
    ['1/2', 'NotReady', '0'],
  ],
  [
    'all completed',
    {},
    { phase: 'Succeeded', containerStatuses: main(ended(0, 'Completed')) },
    ['0/1', 'Completed', '0'],
  ],
  [
    'an exit code without a reason',
    {},
    { phase: 'Failed', containerStatuses: main(ended(3)) },
    ['0/1', 'ExitCode:3', '0'],
  ],
  [
    'a signal without a reason',
    {},
    { phase: 'Failed', containerStatuses: main({ state: { terminated: { exitCode: 137, signal: 9 } } }) },
    ['0/1', 'Signal:9', '0'],
  ],
  [
    'an init container runs again',
    { init: 2 },
    {
      phase: 'Pending',
      initContainerStatuses: states('init', { ...ended(0), ...restarted(2, 120) }, { ...running, ...restarted(3, 10) }),
      containerStatuses: main(waiting()),
    },
    ['0/1', 'Init:1/2', '5 (10s ago)'],
  ],
  [
    'an init container fails',
    { init: 1 },
    { phase: 'Pending', initContainerStatuses: states('init', ended(2)), containerStatuses: main(waiting()) },
    ['0/1', 'Init:ExitCode:2', '0'],
  ],
  [
    'an init container waits to run again',
    { init: 1 },
    { phase: 'Pending', initContainerStatuses: states('init', waiting('CrashLoopBackOff')) },
    ['0/1', 'Init:CrashLoopBackOff', '0'],
  ],
  [
    'restarts of init containers are forgotten once they are through',
    { init: 1 },
    {
      phase: 'Running',
      initContainerStatuses: states('init', { ...ended(0), ...restarted(2, 120) }),
      containerStatuses: main({ ...running, ...restarted(4, 180) }),
    },
    ['0/1', 'Running', '4 (3m ago)'],
  ],
  [
    'the latest restart is shown',
    { containers: 2 },
    {
      phase: 'Running',
      containerStatuses: main(
        { ...running, ready: true, ...restarted(6, 5 * 86_400) },
        { ...running, ready: true, ...restarted(3, 20 * 86_400) },
      ),
    },
    ['2/2', 'Running', '9 (5d ago)'],
  ],
  [
    'a sidecar that has not started holds up the rest',
    { sidecars: 2 },
    {
      phase: 'Pending',
      initContainerStatuses: states(
        'sidecar',
        { ...running, started: true, ...restarted(3, 10) },
        { ...running, started: false },
      ),
      containerStatuses: main(waiting()),
    },
    ['0/3', 'Init:1/2', '3 (10s ago)'],
  ],
  [
    'restarts of sidecars count on',
    { sidecars: 2 },
    {
      phase: 'Running',
      conditions: [initialized],
      initContainerStatuses: states(
        'sidecar',
        { ...running, started: true, ...restarted(3, 10) },
        { ...running, started: true },
      ),
      containerStatuses: main({ ...running, ready: true, ...restarted(4, 20) }),
    },
    ['1/3', 'Running', '7 (10s ago)'],
  ],
  [
    'not to be scheduled yet',
    {},
    { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] },
    ['0/1', 'SchedulingGated', '0'],
  ],
  [
    'being deleted',
    { deleted: true },
    { phase: 'Running', containerStatuses: main(running) },
    ['0/1', 'Terminating', '0'],
  ],
  [
    'being deleted after its end',
    { deleted: true },
    { phase: 'Succeeded', containerStatuses: main(ended(0, 'Completed')) },
    ['0/1', 'Completed', '0'],
  ],
  [
    'being deleted on a lost node',
    { deleted: true },
    { phase: 'Running', reason: 'NodeLost' },
    ['0/1', 'Unknown', '0'],
  ],
])('%s', (_, shape, status, expected) => {
  expect(cells(shape, status)).toEqual(expected);
});
