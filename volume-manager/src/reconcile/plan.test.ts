import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ActualDevice, ActualPodVolume, ActualVolume, MountState } from '../actual-world/actual-volume.ts';
import type { VolumeSpec } from '../volume-spec.ts';
import type { Operation } from './operation.ts';
import { type DesiredVolume, plan } from './plan.ts';

const name = 'kubernetes.io/csi/d^h';
const device = (state: MountState): ActualDevice => ({
  state,
  mode: 'Filesystem',
  driver: 'd',
  handle: 'h',
  specName: 'pv',
  reconstructed: false,
});
const podVolume = (podUid: string, state: MountState, refresh = false): ActualPodVolume => ({
  state,
  podUid,
  plugin: 'kubernetes.io/csi',
  specName: 'pv',
  mode: 'Filesystem',
  reconstructed: false,
  refresh,
});
const spec = (podUid: string, grown = false) => {
  const pv = { spec: { capacity: { storage: grown ? '2Mi' : '1Mi' } } };
  const pvc = { metadata: {}, status: { capacity: { storage: '1Mi' } } };
  return { uniqueName: name, podUid, deviceMountable: true, pv, pvc } as unknown as VolumeSpec;
};

const uids = ['a', 'b', 'c'];
const states = fc.constantFrom<MountState>('absent', 'uncertain', 'done');
const worlds = fc.record({
  wanted: fc.subarray(uids),
  held: fc.subarray(uids),
  mayUnmount: fc.boolean(),
  isAttached: fc.boolean(),
  grown: fc.boolean(),
  device: states,
  pods: fc.dictionary(fc.constantFrom(...uids), fc.tuple(states, fc.boolean())),
  /** Whether each operation succeeds, one after the other; then all do. */
  outcomes: fc.array(fc.boolean(), { maxLength: 12 }),
});

class World {
  device: MountState;
  expandedTo: string | undefined;
  readonly pods: Map<string, ActualPodVolume>;

  constructor(start: MountState, pods: Record<string, [MountState, boolean]>) {
    this.device = start;
    const volumes = Object.entries(pods).map(([uid, [state, refresh]]) => podVolume(uid, state, refresh));
    this.pods = new Map(volumes.filter(({ state }) => state !== 'absent').map((volume) => [volume.podUid, volume]));
  }

  get actual(): ActualVolume {
    return {
      name,
      device: this.device === 'absent' ? undefined : { ...device(this.device), expandedTo: this.expandedTo },
      pods: new Map(this.pods),
    };
  }

  apply(operation: Operation, succeeds: boolean): void {
    const state = succeeds ? 'done' : 'uncertain';
    if (operation.kind === 'expand-volume') this.expandedTo = succeeds ? '2Mi' : undefined;
    else if (operation.kind === 'mount-device') this.device = state;
    else if (operation.kind === 'unmount-device') this.device = succeeds ? 'absent' : 'uncertain';
    else if (operation.kind === 'mount-pod')
      this.pods.set(operation.spec.podUid, podVolume(operation.spec.podUid, state));
    else if (succeeds) this.pods.delete(operation.actual.podUid);
    else this.pods.set(operation.actual.podUid, { ...operation.actual, state: 'uncertain' });
  }
}

test('whatever fails on the way, a volume ends as it is wanted, and no step is taken out of order', () => {
  fc.assert(
    fc.property(worlds, ({ wanted, held, mayUnmount, isAttached, grown, device: start, pods, outcomes }) => {
      const world = new World(start, pods);
      const before = new Set(world.pods.keys());
      const isHeld = (uid: string) => held.includes(uid);
      const desired: DesiredVolume = {
        pods: new Map(wanted.map((uid) => [uid, spec(uid, grown)])),
        mayUnmount,
        isHeld,
        isAttached,
      };
      for (let step = 0; ; step++) {
        expect(step).toBeLessThan(outcomes.length + 12);
        const operations = plan(desired, world.actual);
        if (operations.length === 0) break;
        for (const operation of operations) keepsOrder(operation, { world, desired });
        // Any of them may be the one that starts: the others may be waiting for their back-off.
        world.apply(operations[step % operations.length] as Operation, outcomes[step] ?? true);
      }
      const keeps = [...before].filter((uid) => !wanted.includes(uid) && (!mayUnmount || isHeld(uid)));
      if (isAttached || wanted.length === 0) expect(new Set(world.pods.keys())).toEqual(new Set([...wanted, ...keeps]));
      if (isAttached && wanted.length > 0) expect(world.expandedTo).toBe(grown ? '2Mi' : undefined);
      if (mayUnmount && wanted.length === 0 && keeps.length === 0) expect(world.device).toBe('absent');
    }),
    { numRuns: 500 },
  );
});

function keepsOrder(operation: Operation, { world, desired }: { world: World; desired: DesiredVolume }): void {
  if (operation.kind === 'unmount-device') expect([world.pods.size, desired.pods.size]).toEqual([0, 0]);
  if (operation.kind === 'mount-pod') expect([world.device, desired.isAttached]).toEqual(['done', true]);
  if (operation.kind === 'expand-volume') expect([world.device, desired.pods.size > 0]).toEqual(['done', true]);
  if (operation.kind === 'mount-device') expect(desired.isAttached).toBe(true);
  if (operation.kind === 'unmount-pod') {
    expect(desired.pods.has(operation.actual.podUid) || desired.isHeld(operation.actual.podUid)).toBe(false);
  }
  if (operation.kind.startsWith('unmount')) expect(desired.mayUnmount).toBe(true);
}

test('unmounts come before mounts', () => {
  const actual: ActualVolume = {
    name,
    device: device('done'),
    pods: new Map([['old', podVolume('old', 'done')]]),
  };
  const desired = { pods: new Map([['new', spec('new')]]), mayUnmount: true, isHeld: () => false, isAttached: true };
  expect(plan(desired, actual).map(({ kind }) => kind)).toEqual(['unmount-pod', 'mount-pod']);
});
