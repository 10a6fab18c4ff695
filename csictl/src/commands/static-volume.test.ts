import { expect, test } from 'vitest';
import { staticVolume } from './static-volume.ts';

const volume = {
  volumeId: '0f9e@nas.example.com/export/a',
  name: 'My Volume',
  capacityBytes: '1048576',
  volumeContext: {},
  segments: {},
  fsType: '',
};

test.each([
  ['pvc-1', 'pvc-1'],
  ['My Volume', 'restored-0f9e'],
])('a restored volume "%s" is the PersistentVolume %s, and its handle the whole id', (name, expected) => {
  const made = staticVolume('csi.berth.local', { ...volume, name } as never);
  expect([made.metadata.name, made.spec.csi.volumeHandle]).toEqual([expected, volume.volumeId]);
});

test.each([
  ['1048576', '1Mi'],
  ['1025', '1025'],
])('of %s bytes it says %s, as a provisioner writes it', (capacityBytes, storage) => {
  const made = staticVolume('csi.berth.local', { ...volume, capacityBytes, name: 'pvc-1' } as never);
  expect(made.spec.capacity).toEqual({ storage });
});
