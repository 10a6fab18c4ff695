import { withoutEnd } from '@berth/kit';
import type { Volume, VolumeProjection } from '@berth/kube';

/** A file of a volume, and what of a projected one it is from. */
interface File {
  readonly path: string;
  readonly source: string;
}

type Item = { readonly path?: string };

/** Files of one volume that take each other's place (pkg/api/pod warningsForOverlappingVirtualPaths). */
export function overlappingPaths(volumes: readonly Volume[]): string[] {
  return volumes.flatMap(({ name, configMap, secret, downwardAPI, projected }) => {
    const told = (what: string, files: readonly File[]) =>
      overlaps(files).map((text) => `volume ${JSON.stringify(name)} (${what}): overlapping paths: ${text}`);
    return [
      ...told(`ConfigMap ${JSON.stringify(configMap?.name ?? '')}`, filesOf(configMap?.items)),
      ...told(`Secret ${JSON.stringify(secret?.secretName ?? '')}`, filesOf(secret?.items)),
      ...told('DownwardAPI', filesOf(downwardAPI?.items)),
      ...(projected?.sources ?? [])
        .filter((source) => Object.keys(source).length === 0)
        .map(() => `volume ${JSON.stringify(name)} (Projected) has no sources provided`),
      ...told('Projected', (projected?.sources ?? []).flatMap(projectedFiles)),
    ];
  });
}

function filesOf(items: readonly Item[] = [], source = ''): File[] {
  return items.map(({ path = '' }) => ({ path, source }));
}

/** Of several sources at one place, which validation refuses, the first counts. */
function projectedFiles(source: VolumeProjection): File[] {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle: bundle, podCertificate } = source;
  if (configMap?.items) return filesOf(configMap.items, `ConfigMap ${JSON.stringify(configMap.name ?? '')}`);
  if (secret?.items) return filesOf(secret.items, `Secret ${JSON.stringify(secret.name ?? '')}`);
  if (downwardAPI?.items) return filesOf(downwardAPI.items, 'DownwardAPI');
  if (serviceAccountToken) return [{ path: serviceAccountToken.path ?? '', source: 'ServiceAccountToken' }];
  if (bundle)
    return [
      {
        path: bundle.path ?? '',
        source: `ClusterTrustBundle ${JSON.stringify(bundle.name ?? bundle.signerName ?? '')}`,
      },
    ];
  const { certificateChainPath, keyPath, credentialBundlePath } = podCertificate ?? {};
  return [
    ...(certificateChainPath ? [{ path: certificateChainPath, source: 'PodCertificate chain' }] : []),
    ...(keyPath ? [{ path: keyPath, source: 'PodCertificate key' }] : []),
    ...(credentialBundlePath ? [{ path: credentialBundlePath, source: 'PodCertificate credential bundle' }] : []),
  ];
}

/** Characters that are compared, and what each pair counts for besides: far more files than anyone lists. Upstream compares each with all. */
const mostCompared = 500_000;
const perPair = 32;

function overlaps(files: readonly File[]): string[] {
  const named = files
    .map(({ path, source }) => ({ path: withoutEnd(path, '/'), source }))
    .filter(({ path }) => path !== '');
  const found: string[] = [];
  let left = mostCompared;
  for (const [i, file] of named.entries())
    for (const other of named.slice(0, i)) {
      left -= perPair + file.path.length + other.path.length;
      if (left < 0) return found;
      if (isWithin(other.path, file.path)) found.push(`${shown(file)} with ${shown(other)}`);
    }
  return found;
}

function isWithin(one: string, other: string): boolean {
  return `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`);
}

function shown({ path, source }: File): string {
  return source === '' ? JSON.stringify(path) : `${JSON.stringify(path)} (${source})`;
}
