import { Quantity } from '@berth/kube';
import type { Mounter } from '@berth/linux';
import { VolumeError } from '../executor/volume-error.ts';
import type { Layout } from '../kubelet-dir/layout.ts';
import { setVolumeOwnership } from '../volume-files/set-volume-ownership.ts';
import { makeVolumeDirectory, removeVolumeDirectory } from '../volume-files/volume-directory.ts';
import type { VolumePlugin } from './volume-plugin.ts';

const name = 'kubernetes.io/empty-dir';

/** A directory that lives as long as its pod, on the node's disk or in memory. */
export function emptyDirPlugin({ layout, mounter }: { layout: Layout; mounter: Mounter }): VolumePlugin {
  const pathOf = (podUid: string, specName: string) => layout.podVolume(podUid, name, specName);
  return {
    name,
    hostPath: (spec) => pathOf(spec.podUid, spec.specName),
    async setUp(spec, renew, signal) {
      if (renew) return {};
      const { medium = '', sizeLimit } = spec.volume.emptyDir ?? {};
      const path = pathOf(spec.podUid, spec.specName);
      const inMemory = isMemory(medium);
      const tmpfsBytes = inMemory
        ? sizeLimit === undefined
          ? 0n
          : Quantity.parse(String(sizeLimit)).value()
        : undefined;
      await makeVolumeDirectory(mounter, { path, mode: 0o777, tmpfsBytes });
      const fsGroup = spec.pod.spec?.securityContext?.fsGroup;
      if (fsGroup !== undefined) await setVolumeOwnership({ path, fsGroup }, signal);
      return {};
    },
    tearDown: (actual) => removeVolumeDirectory(mounter, pathOf(actual.podUid, actual.specName)),
  };
}

function isMemory(medium: string): boolean {
  if (medium === 'Memory') return true;
  if (medium === '') return false;
  throw new VolumeError('Final', `unknown storage medium "${medium}"`);
}
