import type { ContainerState, ContainerStatus, PodSpec } from '@berth/kube';
import { expect, test } from 'vitest';
import { exited, seenPod } from '../testing/runtime-builders.ts';
import { aContainer, aPod } from '../testing/test-node.ts';
import { computeConditions } from './compute-conditions.ts';
import { computePhase } from './compute-phase.ts';

const running: ContainerState = { running: {} };
const waiting: ContainerState = { waiting: { reason: 'ContainerCreating' } };
const ended = (exitCode: number): ContainerState => ({ terminated: { exitCode } });

function status(name: string, state: ContainerState, more: Partial<ContainerStatus> = {}): ContainerStatus {
  const ready = Boolean(state.running);
  return { name, state, image: '', imageID: '', ready, started: ready, restartCount: 0, lastState: {}, ...more };
}

interface Row {
  readonly about: string;
  readonly spec?: Partial<PodSpec>;
  readonly init?: ContainerStatus[];
  readonly main: ContainerStatus[];
  readonly terminal?: boolean;
  readonly phase: string;
}

const never = { restartPolicy: 'Never' };
const onFailure = { restartPolicy: 'OnFailure' };
const withInit = { initContainers: [aContainer({ name: 'i' })] };
const withSidecar = { initContainers: [aContainer({ name: 's', restartPolicy: 'Always' })] };
const crashed = status('c', { waiting: { reason: 'CrashLoopBackOff' } }, { lastState: ended(1) });

const rows: Row[] = [
  { about: 'waiting', main: [status('c', waiting)], phase: 'Pending' },
  { about: 'no status at all', main: [], phase: 'Pending' },
  { about: 'running', main: [status('c', running)], phase: 'Running' },
  { about: 'crashed, to be restarted', main: [crashed], phase: 'Running' },
  { about: 'ended, Always', main: [status('c', ended(0))], phase: 'Running' },
  { about: 'ended well, OnFailure', spec: onFailure, main: [status('c', ended(0))], phase: 'Succeeded' },
  { about: 'failed, OnFailure', spec: onFailure, main: [status('c', ended(1))], phase: 'Running' },
  { about: 'failed, Never', spec: never, main: [status('c', ended(1))], phase: 'Failed' },
  { about: 'ended well, Never', spec: never, main: [status('c', ended(0))], phase: 'Succeeded' },
  { about: 'ended for good, Always', main: [status('c', ended(0))], terminal: true, phase: 'Succeeded' },
  { about: 'killed for good, Always', main: [status('c', ended(137))], terminal: true, phase: 'Failed' },
  {
    about: 'init running',
    spec: withInit,
    init: [status('i', running)],
    main: [status('c', waiting)],
    phase: 'Pending',
  },
  {
    about: 'init failed under Never',
    spec: { ...withInit, ...never },
    init: [status('i', ended(1))],
    main: [status('c', waiting)],
    phase: 'Failed',
  },
  {
    about: 'sidecar starting',
    spec: withSidecar,
    init: [status('s', waiting)],
    main: [status('c', waiting)],
    phase: 'Pending',
  },
  {
    about: 'sidecar running, the rest done',
    spec: { ...withSidecar, ...never },
    init: [status('s', running)],
    main: [status('c', ended(0))],
    phase: 'Running',
  },
];

for (const { about, spec = {}, init = [], main, terminal = false, phase } of rows) {
  test(`computePhase: ${about} is ${phase}`, () => {
    expect(computePhase(aPod(spec), { init, main }, terminal)).toBe(phase);
  });
}

test('conditions name the containers that are not ready, and keep those of other writers', () => {
  const pod = aPod({
    containers: [aContainer(), aContainer({ name: 'd' })],
    readinessGates: [{ conditionType: 'x/y' }],
  });
  const gated = { ...pod, status: { conditions: [{ type: 'x/y', status: 'False' }] } };
  const of = (main: ContainerStatus[]) =>
    Object.fromEntries(
      computeConditions({ pod: gated, statuses: { init: [], main }, phase: 'Running', seen: seenPod([]) }).map(
        (one) => [one.type, one],
      ),
    );
  const half = of([status('c', running), status('d', waiting)]);
  expect(half['x/y']).toEqual({ type: 'x/y', status: 'False' });
  expect(half['ContainersReady']).toMatchObject({ status: 'False', message: 'containers with unready status: [d]' });
  const whole = of([status('c', running), status('d', running)]);
  expect(whole['ContainersReady']).toMatchObject({ status: 'True' });
  expect(whole['Ready']).toMatchObject({
    reason: 'ReadinessGatesNotReady',
    message: 'the status of pod readiness gate "x/y" is not "True", but False',
  });
  expect(of([]).Ready).toMatchObject({ message: 'containers with unknown status: [c d]' });
});

test('a pod without a ready sandbox is not ready to start containers', () => {
  const input = { pod: aPod(), statuses: { init: [], main: [] }, phase: 'Pending' };
  const verdict = (seen: ReturnType<typeof seenPod>) => computeConditions({ ...input, seen })[0]?.status;
  expect([
    verdict(seenPod([exited('c', 0)], { ready: false })),
    verdict(seenPod([], null)),
    verdict(seenPod([])),
  ]).toEqual(['False', 'False', 'True']);
});
