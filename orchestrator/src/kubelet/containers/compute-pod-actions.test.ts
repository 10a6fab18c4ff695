import type { PodSpec } from '@berth/kube';
import { expect, test } from 'vitest';
import type { RuntimePod } from '../pods/runtime-pod.ts';
import { exited, seenContainer, seenPod } from '../testing/runtime-builders.ts';
import { aContainer, aPod } from '../testing/test-node.ts';
import { computePodActions, type ProbeVerdicts } from './compute-pod-actions.ts';

const none: ProbeVerdicts = { liveness: () => undefined, startup: () => undefined };
const failing: ProbeVerdicts = { liveness: () => 'failure', startup: () => 'success' };
const livenessProbe = { exec: { command: ['x'] } };
const two = [aContainer(), aContainer({ name: 'd' })];
const init = [aContainer({ name: 'i1' }), aContainer({ name: 'i2' })];
const sidecars = [aContainer({ name: 's', restartPolicy: 'Always' }), aContainer({ name: 'i2' })];

interface Row {
  readonly about: string;
  readonly spec?: Partial<PodSpec>;
  readonly seen: RuntimePod;
  readonly verdicts?: ProbeVerdicts;
  readonly expected: object;
}

const rows: Row[] = [
  {
    about: 'nothing there yet: sandbox and all containers',
    spec: { containers: two },
    seen: seenPod([], null),
    expected: { createSandbox: true, killPod: true, attempt: 0, toStart: [0, 1], initToStart: [] },
  },
  {
    about: 'nothing there yet, with init containers: only the first of them',
    spec: { initContainers: init },
    seen: seenPod([], null),
    expected: { createSandbox: true, toStart: [], initToStart: [0] },
  },
  {
    about: 'all running: nothing',
    seen: seenPod([seenContainer()]),
    expected: { createSandbox: false, killPod: false, toStart: [], toKill: [] },
  },
  {
    about: 'Always restarts a container that succeeded',
    seen: seenPod([exited('c', 0)]),
    expected: { killPod: false, toStart: [0] },
  },
  {
    about: 'OnFailure does not, and the pod is done',
    spec: { restartPolicy: 'OnFailure' },
    seen: seenPod([exited('c', 0)]),
    expected: { killPod: true, createSandbox: false, toStart: [] },
  },
  {
    about: 'OnFailure restarts one that failed',
    spec: { restartPolicy: 'OnFailure', containers: two },
    seen: seenPod([exited('c', 0), exited('d', 1)]),
    expected: { killPod: false, toStart: [1] },
  },
  {
    about: 'Never leaves a failed one while another runs',
    spec: { restartPolicy: 'Never', containers: two },
    seen: seenPod([exited('c', 1), seenContainer({ name: 'd' })]),
    expected: { killPod: false, toStart: [] },
  },
  {
    about: 'Never makes no second sandbox for a pod that ran',
    spec: { restartPolicy: 'Never' },
    seen: seenPod([exited('c', 1)], { ready: false }),
    expected: { killPod: true, createSandbox: false },
  },
  {
    about: 'a dead sandbox is made again as the next attempt',
    seen: seenPod([exited('c', 137)], { ready: false, attempt: 3 }),
    expected: { killPod: true, createSandbox: true, attempt: 4, sandboxId: 'sandbox', toStart: [0] },
  },
  {
    about: 'a sandbox without an address too',
    seen: seenPod([seenContainer()], { ips: [] }),
    expected: { createSandbox: true, attempt: 1 },
  },
  {
    about: 'another image is another container',
    spec: { restartPolicy: 'Never', containers: [aContainer({ image: 'busybox:2' })] },
    seen: seenPod([seenContainer()]),
    expected: { toStart: [0], toKill: [{ message: 'Container c definition changed, will be restarted' }] },
  },
  {
    about: 'a failed liveness probe kills and restarts',
    spec: { containers: [aContainer({ livenessProbe })] },
    seen: seenPod([seenContainer()]),
    verdicts: failing,
    expected: { toStart: [0], toKill: [{ message: 'Container c failed liveness probe, will be restarted' }] },
  },
  {
    about: 'under Never it kills only',
    spec: { restartPolicy: 'Never', containers: [aContainer({ livenessProbe })] },
    seen: seenPod([seenContainer()]),
    verdicts: failing,
    expected: { toStart: [], toKill: [{ message: 'Container c failed liveness probe', reason: 'LivenessProbe' }] },
  },
  {
    about: 'the second init container follows the first',
    spec: { initContainers: init },
    seen: seenPod([exited('i1', 0)]),
    expected: { initToStart: [1], toStart: [] },
  },
  {
    about: 'a running init container is waited for',
    spec: { initContainers: init },
    seen: seenPod([seenContainer({ name: 'i1' })]),
    expected: { initToStart: [], toStart: [], killPod: false },
  },
  {
    about: 'a failed one runs again',
    spec: { initContainers: init },
    seen: seenPod([exited('i2', 1), exited('i1', 0)]),
    expected: { initToStart: [1], toStart: [] },
  },
  {
    about: 'but under Never it ends the pod',
    spec: { initContainers: init, restartPolicy: 'Never' },
    seen: seenPod([exited('i1', 1)]),
    expected: { killPod: true, initToStart: [], toStart: [] },
  },
  {
    about: 'after the last of them the others start, even where the first was removed',
    spec: { initContainers: init },
    seen: seenPod([exited('i2', 0)]),
    expected: { initToStart: [], toStart: [0] },
  },
  {
    about: 'a started sidecar lets the next init container start',
    spec: { initContainers: sidecars },
    seen: seenPod([seenContainer({ name: 's' })]),
    expected: { initToStart: [1], toStart: [] },
  },
  {
    about: 'a sidecar that ended is restarted beside running containers',
    spec: { initContainers: sidecars },
    seen: seenPod([exited('s', 1), exited('i2', 0), seenContainer()]),
    expected: { initToStart: [0], toStart: [], killPod: false },
  },
  {
    about: 'an ephemeral container starts while an init container still runs',
    spec: { initContainers: init, ephemeralContainers: [aContainer({ name: 'debugger' })] },
    seen: seenPod([seenContainer({ name: 'i1' })]),
    expected: { ephemeralToStart: [0], initToStart: [], toStart: [], killPod: false },
  },
  {
    about: 'an ephemeral container never starts again',
    spec: { ephemeralContainers: [aContainer({ name: 'debugger' })] },
    seen: seenPod([exited('debugger', 1), seenContainer()]),
    expected: { ephemeralToStart: [], toStart: [], killPod: false },
  },
  {
    about: 'an ephemeral container alone does not keep a pod',
    spec: { restartPolicy: 'Never', ephemeralContainers: [aContainer({ name: 'debugger' })] },
    seen: seenPod([seenContainer({ name: 'debugger' }), exited('c', 0)]),
    expected: { killPod: true },
  },
];

for (const { about, spec = {}, seen, verdicts = none, expected } of rows) {
  test(`computePodActions: ${about}`, () => {
    expect(computePodActions(aPod(spec), seen, verdicts)).toMatchObject(expected);
  });
}

test('computePodActions: a pod that is being deleted starts nothing', () => {
  const pod = aPod({}, { deletionTimestamp: '2030-01-01T00:00:00Z' });
  expect(computePodActions(pod, seenPod([exited('c', 1)]), none)).toMatchObject({ toStart: [], killPod: true });
});
