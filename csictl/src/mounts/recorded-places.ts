import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { namesIn } from '../connect/find-sockets.ts';
import type { KubeletRoot } from './kubelet-roots.ts';

/** Paths where kubelet's records say something is staged or published, mounted or not. */
export function recordedPlaces(roots: readonly KubeletRoot[]): string[] {
  return roots.flatMap(({ path }) => [...stagedPlaces(path), ...publishedPlaces(path)]);
}

function stagedPlaces(root: string): string[] {
  const drivers = join(root, 'plugins/kubernetes.io/csi');
  return namesIn(drivers)
    .filter((driver) => driver !== 'volumeDevices')
    .flatMap((driver) => namesIn(join(drivers, driver)).map((hash) => join(drivers, driver, hash)))
    .filter(hasRecord)
    .map((directory) => join(directory, 'globalmount'));
}

function publishedPlaces(root: string): string[] {
  const pods = join(root, 'pods');
  return namesIn(pods)
    .map((uid) => join(pods, uid, 'volumes/kubernetes.io~csi'))
    .flatMap((volumes) => namesIn(volumes).map((pv) => join(volumes, pv)))
    .filter(hasRecord)
    .map((directory) => join(directory, 'mount'));
}

function hasRecord(directory: string): boolean {
  return existsSync(join(directory, 'vol_data.json'));
}
