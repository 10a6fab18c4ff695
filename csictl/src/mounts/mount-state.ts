import type { PersistentVolume } from '@berth/kube';
import type { MountInfo } from '@berth/linux';
import type { ClusterView } from '../cluster/cluster-view.ts';
import type { MountPlace } from './mount-place.ts';
import { isInline, type VolData } from './vol-data.ts';

export interface Evidence {
  readonly place: MountPlace;
  /** What is mounted there, lowest first. */
  readonly mounts: readonly MountInfo[];
  readonly data: VolData | undefined;
  readonly cluster: ClusterView | undefined;
  readonly pv: PersistentVolume | undefined;
}

export interface Judgement {
  /**
   * `ok`; `orphaned`: nobody wants it; `missing`: recorded, not mounted; `stacked twice`: more than once at one path;
   * `broken`, `silent`: what serves it gives errors only, or no answer.
   */
  readonly state: string;
  readonly note: string;
}

/** What is to be thought of a mount, given the kernel's table, kubelet's records and the API server. */
export function judge(evidence: Evidence): Judgement {
  const { mounts } = evidence;
  const orphaned = reasonOrphaned(evidence);
  if (orphaned !== undefined) return { state: 'orphaned', note: orphaned };
  if (mounts.length === 0) return { state: 'missing', note: 'vol_data.json says it is mounted' };
  if (mounts.length === 1) return { state: 'ok', note: '' };
  const times = mounts.length === 2 ? 'twice' : `${mounts.length} times`;
  return { state: `stacked ${times}`, note: `${mounts.length} mounts at this path` };
}

function reasonOrphaned({ place, mounts, data, cluster, pv }: Evidence): string | undefined {
  if (mounts.at(-1)?.root.endsWith('//deleted')) return 'what it shows was deleted';
  if ((place.kind === 'stage' || place.kind === 'publish') && !data) return 'no vol_data.json names it';
  const podUid = 'podUid' in place ? place.podUid : '';
  if (cluster && podUid !== '' && !cluster.podOf(podUid)) return 'its pod does not exist';
  const needsPv = data !== undefined && !isInline(data);
  if (cluster && needsPv && !pv) return 'its PersistentVolume does not exist';
  return undefined;
}
