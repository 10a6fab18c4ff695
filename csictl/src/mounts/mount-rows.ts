import { dirname } from 'node:path';
import type { MountInfo } from '@berth/linux';
import { type ClusterView, claimOf, podName } from '../cluster/cluster-view.ts';
import type { KubeletRoot } from './kubelet-roots.ts';
import { type MountPlace, placeOf } from './mount-place.ts';
import { judge } from './mount-state.ts';
import { isInline, readVolData, type VolData } from './vol-data.ts';

/** One mount, or one that should be. */
export interface MountRow {
  readonly node: string;
  readonly kind: MountPlace['kind'];
  readonly driver: string;
  /** The CSI volume id, or the volume's name in the pod. */
  readonly volume: string;
  readonly pod: string;
  readonly claim: string;
  readonly pv: string;
  readonly mode: 'rw' | 'ro' | '';
  readonly state: string;
  /** Why the state is not ok. */
  readonly note: string;
  readonly path: string;
}

export interface MountSources {
  readonly roots: readonly KubeletRoot[];
  readonly table: readonly MountInfo[];
  /** Paths the records name. */
  readonly recorded: readonly string[];
  /** Without it claims stay empty, and whether a pod still exists is not known. */
  readonly cluster: ClusterView | undefined;
}

/** Every mount of volumes below the kubelet directories, and every recorded one that is not there. */
export function mountRows({ roots, table, recorded, cluster }: MountSources): MountRow[] {
  const byPath = new Map<string, MountInfo[]>(recorded.map((path) => [path, []]));
  for (const mount of table) {
    if (!placeOf(mount.mountPoint, roots)) continue;
    const mounts = byPath.get(mount.mountPoint);
    if (mounts) mounts.push(mount);
    else byPath.set(mount.mountPoint, [mount]);
  }
  return [...byPath].flatMap(([path, mounts]) => {
    const place = placeOf(path, roots);
    return place ? [rowOf(place, mounts, cluster)] : [];
  });
}

function rowOf(place: MountPlace, mounts: readonly MountInfo[], cluster: ClusterView | undefined): MountRow {
  const data = place.kind === 'stage' || place.kind === 'publish' ? readVolData(dirname(place.path)) : undefined;
  const podUid = 'podUid' in place ? place.podUid : '';
  const driver = data?.driverName ?? (place.kind === 'stage' ? place.driver : '');
  const pv = pvOf(place, driver, { data, cluster });
  const top = mounts.at(-1);
  const { state, note } = judge({ place, mounts, data, cluster, pv });
  return {
    node: place.node,
    kind: place.kind,
    driver: place.kind === 'volume' ? place.plugin : driver,
    volume: data?.volumeHandle ?? nameOf(place) ?? pv?.spec?.csi?.volumeHandle ?? '',
    pod: podName(cluster?.podOf(podUid)) || podUid,
    claim: claimOf(pv),
    pv: pv?.metadata.name ?? (isInline(data) ? '' : (data?.specVolID ?? ('pv' in place ? place.pv : ''))),
    mode: top ? (top.options.includes('ro') ? 'ro' : 'rw') : '',
    state,
    note,
    path: place.path,
  };
}

function nameOf(place: MountPlace): string | undefined {
  if (place.kind === 'runtime') return `${place.name} of ${place.id.slice(0, 12)}`;
  return 'name' in place ? place.name : undefined;
}

function pvOf(
  place: MountPlace,
  driver: string,
  { data, cluster }: { readonly data: VolData | undefined; readonly cluster: ClusterView | undefined },
) {
  if (data?.volumeHandle !== undefined) return cluster?.volumeOf(driver, data.volumeHandle);
  // A claim's volume is named for its PV there, all others for the pod's own volume.
  if (place.kind === 'subpath' && cluster?.podOf(place.podUid)?.spec?.volumes?.every(({ name }) => name !== place.name))
    return cluster.volumeNamed(place.name);
  return 'pv' in place ? cluster?.volumeNamed(place.pv) : undefined;
}
