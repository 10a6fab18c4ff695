import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Quantity } from '@berth/kube';
import type { Mounter } from '@berth/linux';
import { VolumeError } from '../executor/volume-error.ts';
import type { Layout } from '../kubelet-dir/layout.ts';
import { setVolumeOwnership } from '../volume-files/set-volume-ownership.ts';
import { makeVolumeDirectory, removeVolumeDirectory } from '../volume-files/volume-directory.ts';
import type { VolumePlugin } from './volume-plugin.ts';

const name = 'kubernetes.io/empty-dir';
const readyFile = 'ready';

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
      const notes = layout.podPlugin(spec.podUid, name, spec.specName);
      // Ready once is ready for good: its modes and owners are the pod's own by now (upstream util.IsReady).
      if (existsSync(join(notes, readyFile)) && (inMemory ? mounter.isLocalMountPoint(path) : existsSync(path)))
        return {};
      await makeVolumeDirectory(mounter, { path, mode: 0o777, tmpfsBytes });
      const fsGroup = spec.pod.spec?.securityContext?.fsGroup;
      if (fsGroup !== undefined) await setVolumeOwnership({ path, fsGroup }, signal);
      await mkdir(notes, { recursive: true, mode: 0o750 });
      await writeFile(join(notes, readyFile), '');
      return {};
    },
    async tearDown({ podUid, specName }) {
      // The notes go first: after a crash the directory is what the volume is found by.
      await rm(layout.podPlugin(podUid, name, specName), { recursive: true, force: true });
      await removeVolumeDirectory(mounter, pathOf(podUid, specName));
    },
  };
}

function isMemory(medium: string): boolean {
  if (medium === 'Memory') return true;
  if (medium === '') return false;
  throw new VolumeError('Final', `unknown storage medium "${medium}"`);
}
