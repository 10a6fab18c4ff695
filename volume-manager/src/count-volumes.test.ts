import { expect, test } from 'vitest';
import { ActualWorld } from './actual-world/actual-world.ts';
import { countVolumes } from './count-volumes.ts';
import type { UniqueVolumeName, VolumeSpec } from './volume-spec.ts';

const name = (text: string) => text as UniqueVolumeName;
const csi = 'kubernetes.io/csi';

test('volumes that pods have and want are counted by plugin, with the driver of those of CSI', () => {
  const actual = new ActualWorld(() => undefined);
  const mount = (volume: string, podUid: string, plugin: string, state: 'done' | 'uncertain' = 'done') =>
    actual.setPodVolume(name(volume), {
      ...{ podUid, plugin, state, specName: volume, mode: 'Filesystem', reconstructed: false, refresh: false },
    });
  const spec = (plugin: string, driver?: string) =>
    ({ plugin, volume: { name: 'v', ...(driver === undefined ? {} : { csi: { driver } }) } }) as VolumeSpec;
  const wanted = new Map([
    [name('inline'), new Map([['p1', spec(csi, 'one')]])],
    [name('scratch'), new Map([['p1', spec('kubernetes.io/empty-dir')]])],
    [name('late'), new Map([['p2', spec(csi, 'one')]])],
  ]);
  const desired = {
    volumeNames: () => wanted.keys(),
    podsOf: (volume: UniqueVolumeName) => wanted.get(volume) ?? new Map(),
  };
  mount('inline', 'p1', csi);
  mount('scratch', 'p1', 'kubernetes.io/empty-dir');
  mount('late', 'p2', csi, 'uncertain');
  // Of a pod that is no more: its device says whose it is.
  const device = {
    state: 'done',
    mode: 'Filesystem',
    driver: 'two',
    handle: 'h',
    specName: 'left',
    reconstructed: true,
  } as const;
  actual.setDevice(name('left'), device);
  mount('left', 'p0', csi);
  expect(countVolumes(actual, desired)).toEqual([
    { plugin: 'kubernetes.io/csi:one', state: 'actual_state_of_world', count: 1 },
    { plugin: 'kubernetes.io/empty-dir', state: 'actual_state_of_world', count: 1 },
    { plugin: 'kubernetes.io/csi:two', state: 'actual_state_of_world', count: 1 },
    { plugin: 'kubernetes.io/csi:one', state: 'desired_state_of_world', count: 2 },
    { plugin: 'kubernetes.io/empty-dir', state: 'desired_state_of_world', count: 1 },
  ]);
});
