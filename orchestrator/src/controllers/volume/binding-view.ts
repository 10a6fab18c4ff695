import { type Informers, keyOf, type PersistentVolume, type PersistentVolumeClaim, resources } from '@berth/kube';
import { claimKeyOf, classOf, hasAnnotation } from './binding-facts.ts';
import { bindCompleted } from './binding-names.ts';
import { LatestView } from './latest-view.ts';
import { matchVolume } from './match-volume.ts';

const byClaim = 'binding/claim';
const unclaimedByClass = 'binding/unclaimed-class';
const byVolumeName = 'binding/volume-name';
const unboundByClass = 'binding/unbound-class';
/** Index value of claims that name no class at all; no class has such a name. */
const noClassNamed = ' none';

/** Claims and volumes as the binder sees them, found by what they have to do with each other. */
export class BindingView {
  readonly claims: LatestView<PersistentVolumeClaim>;
  readonly volumes: LatestView<PersistentVolume>;
  /** Volumes being bound right now, by the UID of the claim: claims are worked on side by side. */
  readonly #promised = new Map<string, string>();

  constructor(informers: Informers) {
    this.claims = new LatestView(informers.of(resources.persistentvolumeclaims));
    this.volumes = new LatestView(informers.of(resources.persistentvolumes));
    this.volumes.informer.addIndex(byClaim, (volume) => [claimKeyOf(volume) ?? []].flat());
    this.volumes.informer.addIndex(unclaimedByClass, (volume) => (volume.spec?.claimRef ? [] : [classOf(volume)]));
    this.claims.informer.addIndex(byVolumeName, ({ spec }) => (spec?.volumeName ? [spec.volumeName] : []));
    this.claims.informer.addIndex(unboundByClass, (claim) => {
      if (hasAnnotation(claim, bindCompleted)) return [];
      return claim.spec?.storageClassName === undefined ? [noClassNamed, classOf(claim)] : [classOf(claim)];
    });
  }

  /** Volumes reserved for, or bound to, the claim of this key. */
  volumesOf(claimKey: string): PersistentVolume[] {
    return this.volumes.byIndex(byClaim, claimKey);
  }

  claimsNaming(volumeName: string): PersistentVolumeClaim[] {
    return this.claims.byIndex(byVolumeName, volumeName);
  }

  unboundClaimsOf(className: string): PersistentVolumeClaim[] {
    return this.claims.byIndex(unboundByClass, className);
  }

  /** Unbound claims a default class may still be given to. */
  unboundClaimsWithoutClass(): PersistentVolumeClaim[] {
    return this.claims.byIndex(unboundByClass, noClassNamed);
  }

  bestMatch(claim: PersistentVolumeClaim, delayBinding: boolean): PersistentVolume | undefined {
    const candidates = [
      ...this.volumesOf(keyOf(claim)),
      ...this.volumes.byIndex(unclaimedByClass, classOf(claim)),
    ].filter((volume) => this.#isFree(volume, claim));
    return matchVolume(claim, candidates, { delayBinding });
  }

  /** Keeps other workers from choosing the volume until disposed. */
  promise(volume: PersistentVolume, claim: PersistentVolumeClaim): Disposable {
    const name = volume.metadata.name ?? '';
    this.#promised.set(name, claim.metadata.uid ?? '');
    return { [Symbol.dispose]: () => void this.#promised.delete(name) };
  }

  #isFree(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
    const holder = this.#promised.get(volume.metadata.name ?? '');
    return holder === undefined || holder === claim.metadata.uid;
  }
}
