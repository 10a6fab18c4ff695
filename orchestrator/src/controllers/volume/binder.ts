import { copyJson, type KubeClient, type PersistentVolume, type PersistentVolumeClaim, resources } from '@berth/kube';
import { hasAnnotation, isBoundToClaim } from './binding-facts.ts';
import { bindCompleted, boundByController } from './binding-names.ts';
import type { BindingView } from './binding-view.ts';

export type VolumePhase = 'Pending' | 'Available' | 'Bound' | 'Released' | 'Failed';
export type ClaimPhase = 'Pending' | 'Bound' | 'Lost';

/**
 * The writes of binding, each skipped where the object already says so. Their order is the protocol: volume to claim, then
 * the volume's phase and claim to volume, then the claim's status; a crash between two is picked up by the next sync.
 */
export class Binder {
  readonly #client: KubeClient;
  readonly #view: BindingView;

  constructor(client: KubeClient, view: BindingView) {
    this.#client = client;
    this.#view = view;
  }

  async bind(volume: PersistentVolume, claim: PersistentVolumeClaim, signal: AbortSignal): Promise<void> {
    using _ = this.#view.promise(volume, claim);
    const reserved = await this.#reserve(volume, claim, signal);
    // Sent in this order, and neither waits for the other. Both are waited for: nothing is written after this has ended.
    const [bound, pointing] = await Promise.allSettled([
      this.setVolumePhase(reserved, 'Bound', { signal }),
      this.#point(claim, reserved, signal),
    ]);
    if (bound.status === 'rejected') throw bound.reason;
    if (pointing.status === 'rejected') throw pointing.reason;
    await this.setClaimStatus(pointing.value, 'Bound', { volume: bound.value, signal });
  }

  /** Takes back a reservation: wholly where the controller made it, down to the claim's name where a user did. */
  async unbind(volume: PersistentVolume, signal: AbortSignal): Promise<void> {
    const next = copyJson(volume);
    if (hasAnnotation(volume, boundByController)) {
      delete next.spec?.claimRef;
      delete next.metadata.annotations?.[boundByController];
    } else {
      delete next.spec?.claimRef?.uid;
    }
    const written = await this.#updateVolume(next, signal);
    await this.setVolumePhase(written, 'Available', { signal });
  }

  async setVolumePhase(
    volume: PersistentVolume,
    phase: VolumePhase,
    { message, signal }: { message?: string; signal: AbortSignal },
  ): Promise<PersistentVolume> {
    if (volume.status?.phase === phase) return volume;
    const { message: _, ...status } = copyJson(volume.status ?? {});
    const next = { ...copyJson(volume), status: { ...status, phase, ...(message ? { message } : {}) } };
    return this.#view.volumes.learn(await this.#client.updateStatus(resources.persistentvolumes, next, signal));
  }

  /** With a volume, the claim shows what it offers; its capacity only on becoming bound, since it may grow later. */
  async setClaimStatus(
    claim: PersistentVolumeClaim,
    phase: ClaimPhase,
    { volume, signal }: { volume?: PersistentVolume; signal: AbortSignal },
  ): Promise<PersistentVolumeClaim> {
    const { accessModes, capacity, currentVolumeAttributesClassName: current, ...rest } = copyJson(claim.status ?? {});
    const becomes = claim.status?.phase !== phase;
    // Later changes are the resizer's.
    const isBinding = claim.status?.phase === 'Pending' && phase === 'Bound';
    const attributes = volume && (isBinding ? volume.spec?.volumeAttributesClassName : current);
    const nextCapacity = volume && (becomes ? { ...volume.spec?.capacity } : capacity);
    const nextModes = volume?.spec?.accessModes;
    const status = {
      ...rest,
      phase,
      ...(nextModes ? { accessModes: [...nextModes] } : {}),
      ...(nextCapacity ? { capacity: nextCapacity } : {}),
      ...(attributes === undefined ? {} : { currentVolumeAttributesClassName: attributes }),
    };
    const unchanged =
      !becomes &&
      current === attributes &&
      JSON.stringify(accessModes ?? []) === JSON.stringify(nextModes ?? []) &&
      JSON.stringify(capacity) === JSON.stringify(nextCapacity);
    if (unchanged) return claim;
    const next = { ...copyJson(claim), status };
    return this.#view.claims.learn(await this.#client.updateStatus(resources.persistentvolumeclaims, next, signal));
  }

  async #reserve(volume: PersistentVolume, claim: PersistentVolumeClaim, signal: AbortSignal) {
    if (volume.spec?.claimRef?.uid === claim.metadata.uid && isBoundToClaim(volume, claim)) return volume;
    const next = copyJson(volume);
    const { namespace, name, uid, resourceVersion } = copyJson(claim.metadata);
    next.spec = { ...next.spec };
    next.spec.claimRef = { kind: 'PersistentVolumeClaim', apiVersion: 'v1' };
    Object.assign(next.spec.claimRef, { namespace, name, uid, resourceVersion });
    if (!isBoundToClaim(volume, claim)) annotate(next, boundByController);
    return this.#updateVolume(next, signal);
  }

  async #point(claim: PersistentVolumeClaim, volume: PersistentVolume, signal: AbortSignal) {
    const points = claim.spec?.volumeName === volume.metadata.name;
    if (points && hasAnnotation(claim, bindCompleted)) return claim;
    const next = copyJson(claim);
    if (!points) {
      next.spec = { ...next.spec, volumeName: volume.metadata.name ?? '' };
      annotate(next, boundByController);
    }
    annotate(next, bindCompleted);
    return this.#view.claims.learn(await this.#client.update(resources.persistentvolumeclaims, next, {}, signal));
  }

  async #updateVolume(next: PersistentVolume, signal: AbortSignal): Promise<PersistentVolume> {
    return this.#view.volumes.learn(await this.#client.update(resources.persistentvolumes, next, {}, signal));
  }
}

function annotate(object: PersistentVolume | PersistentVolumeClaim, name: string): void {
  object.metadata.annotations = { ...object.metadata.annotations };
  object.metadata.annotations[name] ??= 'yes';
}
