import type { CSIDriver, PersistentVolume, PersistentVolumeClaim } from '@berth/kube';

/** What resolving a pod's volumes reads of the API, from informers. */
export interface Lookups {
  claim(namespace: string, name: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  /** `unknown` until the list of drivers was read once: nothing may be concluded from an absent driver before. */
  driver(name: string): CSIDriver | undefined | 'unknown';
  /** The pod already has this PV mounted (seen in the mount table or on disk). */
  isInUse(podUid: string, pvName: string): boolean;
}
