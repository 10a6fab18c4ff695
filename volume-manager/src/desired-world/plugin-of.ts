import type { PersistentVolumeSpec, Volume } from '@berth/kube';

const podSources = {
  emptyDir: 'kubernetes.io/empty-dir',
  hostPath: 'kubernetes.io/host-path',
  configMap: 'kubernetes.io/configmap',
  secret: 'kubernetes.io/secret',
  downwardAPI: 'kubernetes.io/downward-api',
  projected: 'kubernetes.io/projected',
  csi: 'kubernetes.io/csi',
  nfs: 'kubernetes.io/nfs',
} as const satisfies { [K in keyof Volume]?: string };

const pvSources = {
  csi: 'kubernetes.io/csi',
  hostPath: 'kubernetes.io/host-path',
  local: 'kubernetes.io/local-volume',
  nfs: 'kubernetes.io/nfs',
} as const satisfies { [K in keyof PersistentVolumeSpec]?: string };

/** The name of the plugin of a pod's own volume source; undefined for a source that is not served here. */
export function pluginOfVolume(volume: Volume): string | undefined {
  const source = Object.keys(podSources).find((key) => volume[key as keyof Volume] !== undefined);
  if (source) return podSources[source as keyof typeof podSources];
  // A volume without any source is an emptyDir (API defaulting).
  return Object.keys(volume).length === 1 ? podSources.emptyDir : undefined;
}

/** The name of the plugin of a PersistentVolume; undefined for a source that is not served here. */
export function pluginOfPersistentVolume(spec: PersistentVolumeSpec): string | undefined {
  const source = Object.keys(pvSources).find((key) => spec[key as keyof PersistentVolumeSpec] !== undefined);
  return source ? pvSources[source as keyof typeof pvSources] : undefined;
}
