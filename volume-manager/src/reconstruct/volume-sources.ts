import type { Informer, PersistentVolume } from '@berth/kube';
import type { Layout } from '../kubelet-dir/layout.ts';
import type { ReconstructOptions, VolumeSource } from './reconstruct.ts';

type Sources = Pick<ReconstructOptions, 'sourceOfVolume' | 'sourceOfStage'>;

/** What the PVs of the API server know about volumes whose records on disk are damaged. */
export function volumeSources(volumes: Informer<PersistentVolume>, layout: Layout): Sources {
  return {
    sourceOfVolume: (pvName) => sourceOf(volumes.get(pvName)),
    sourceOfStage: (directory) => {
      const sources = volumes.list().flatMap((volume) => sourceOf(volume) ?? []);
      return sources.find(({ driver, handle }) => layout.csiDevice(driver, handle) === directory);
    },
  };
}

function sourceOf(volume: PersistentVolume | undefined): VolumeSource | undefined {
  const source = volume?.spec?.csi;
  return source && { driver: source.driver, handle: source.volumeHandle };
}
