import type { Labels, PersistentVolume } from '@berth/kube';
import { matchesNodeSelector } from '../../node-selector.ts';

/** Whether a node with these labels can reach the volume; a volume without affinity is reachable from everywhere. */
export function nodeCanReach(volume: PersistentVolume, nodeName: string, labels: Labels): boolean {
  const required = volume.spec?.nodeAffinity?.required;
  return !required || matchesNodeSelector(required, { metadata: { name: nodeName, ...(labels ? { labels } : {}) } });
}
