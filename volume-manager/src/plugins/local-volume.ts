import { mkdir, realpath, rmdir } from 'node:fs/promises';
import { isErrno, type Mounter, openRoot } from '@berth/linux';
import { VolumeError } from '../executor/volume-error.ts';
import type { Layout } from '../kubelet-dir/layout.ts';
import { isMountPoint, unmountAll } from '../mount-table.ts';
import { setVolumeOwnership } from '../volume-files/set-volume-ownership.ts';
import type { VolumePlugin } from './volume-plugin.ts';

const name = 'kubernetes.io/local-volume';

/** A directory of the node as a PersistentVolume, bound into each pod that claims it. */
export function localVolumePlugin({ layout, mounter }: { layout: Layout; mounter: Mounter }): VolumePlugin {
  const pathOf = (podUid: string, specName: string) => layout.podVolume(podUid, name, specName);
  return {
    name,
    hostPath: (spec) => pathOf(spec.podUid, spec.specName),
    async setUp(spec, renew, signal) {
      const source = spec.pv?.spec?.local?.path;
      if (!source) throw new VolumeError('Final', `volume ${spec.specName} has no local source`);
      if (renew) return {};
      if (source.split('/').includes('..'))
        throw new VolumeError('Final', `invalid path: ${source} must not contain '..'`);
      const target = pathOf(spec.podUid, spec.specName);
      if (!isMountPoint(mounter, target)) {
        using directory = await openSource(source);
        await mkdir(target, { recursive: true, mode: 0o750 });
        mounter.bind(directory.number, target, { readOnly: spec.readOnly });
      }
      const { fsGroup, fsGroupChangePolicy } = spec.pod.spec?.securityContext ?? {};
      if (fsGroup !== undefined && !spec.readOnly) {
        const onRootMismatch = fsGroupChangePolicy === 'OnRootMismatch';
        await setVolumeOwnership({ path: target, fsGroup, onRootMismatch }, signal);
      }
      return {};
    },
    async tearDown(actual) {
      const target = pathOf(actual.podUid, actual.specName);
      unmountAll(mounter, target);
      await rmdir(target).catch((error: unknown) => {
        if (!isErrno(error, 'ENOENT')) throw error;
      });
    },
  };
}

/** Links are followed, as by upstream's bind: the path is its administrator's. @throws VolumeError Final – the directory is missing, or is not one. */
async function openSource(path: string) {
  try {
    return openRoot(await realpath(path));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) throw new VolumeError('Final', `path "${path}" does not exist`);
    if (isErrno(error, 'ENOTDIR')) {
      throw new VolumeError(
        'Final',
        `path "${path}" is not a directory: block devices are not served as local volumes`,
      );
    }
    throw error;
  }
}
