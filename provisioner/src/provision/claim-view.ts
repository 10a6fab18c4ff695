import type { Informer, Informers, PersistentVolume, PersistentVolumeClaim, StorageClass } from '@berth/kube';
import { resources } from '@berth/kube';
import { betaStorageClass, betaStorageProvisioner, selectedNode, storageProvisioner } from '../object-names.ts';

const byUid = 'provisioner/uid';
const byClass = 'provisioner/class';

/** Claims found by UID, which is what outlives a claim's name. */
export class ClaimView {
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  readonly classes: Informer<StorageClass>;
  readonly #driverName: string;

  constructor(informers: Informers, driverName: string) {
    this.#driverName = driverName;
    this.claims = informers.of(resources.persistentvolumeclaims);
    this.volumes = informers.of(resources.persistentvolumes);
    this.classes = informers.of(resources.storageclasses);
    this.claims.addIndex(byUid, ({ metadata }) => [metadata.uid ?? '']);
    this.claims.addIndex(byClass, (claim) => (claim.spec?.volumeName ? [] : [classNameOf(claim)]));
  }

  find(uid: string): PersistentVolumeClaim | undefined {
    return this.claims.byIndex(byUid, uid)[0];
  }

  unboundOf(className: string): PersistentVolumeClaim[] {
    return this.claims.byIndex(byClass, className);
  }

  /** Every claim that waits for this driver. */
  waiting(): PersistentVolumeClaim[] {
    return this.claims.list().filter((claim) => this.wantsVolume(claim));
  }

  /** True when the claim waits for this driver: it is unbound, ours, and its class does not wait for a node any more. */
  wantsVolume(claim: PersistentVolumeClaim): boolean {
    if (claim.spec?.volumeName || provisionerOf(claim) !== this.#driverName) return false;
    if (claim.metadata.deletionTimestamp !== undefined) return false;
    const storageClass = this.classes.get(classNameOf(claim));
    return storageClass?.volumeBindingMode !== 'WaitForFirstConsumer' || nodeSelectedFor(claim) !== undefined;
  }
}

export function classNameOf(claim: PersistentVolumeClaim): string {
  return claim.metadata.annotations?.[betaStorageClass] ?? claim.spec?.storageClassName ?? '';
}

export function provisionerOf({ metadata: { annotations } }: PersistentVolumeClaim): string | undefined {
  return annotations?.[storageProvisioner] ?? annotations?.[betaStorageProvisioner];
}

export function nodeSelectedFor(claim: PersistentVolumeClaim): string | undefined {
  return claim.metadata.annotations?.[selectedNode] || undefined;
}
