import {
  type EventRecorder,
  type PersistentVolume,
  type PersistentVolumeClaim,
  resources,
  splitKey,
} from '@berth/kube';
import type { ControllerDeps } from '../controller-deps.ts';
import type { Binder } from './binder.ts';
import { claimKeyOf, hasAnnotation, volumeModeOf } from './binding-facts.ts';
import { provisionedBy } from './binding-names.ts';
import type { BindingView } from './binding-view.ts';

export interface VolumeSyncOptions extends Pick<ControllerDeps, 'client'> {
  readonly view: BindingView;
  readonly binder: Binder;
  readonly events: EventRecorder;
  /** Wants the claim of this key looked at. */
  readonly wakeClaim: (key: string) => void;
}

/** Keeps one volume's phase true to its claim (kube-controller-manager, persistentvolume/pv_controller.go syncVolume). */
export class VolumeSync {
  readonly #options: VolumeSyncOptions;

  constructor(options: VolumeSyncOptions) {
    this.#options = options;
  }

  async sync(name: string, signal: AbortSignal): Promise<undefined> {
    const { view, binder } = this.#options;
    const volume = view.volumes.get(name);
    if (!volume) return;
    const ref = volume.spec?.claimRef;
    const key = claimKeyOf(volume);
    if (!ref?.uid || key === undefined) {
      await binder.setVolumePhase(volume, 'Available', { signal });
      return;
    }
    const claim = await this.#claimOf(volume, key, signal);
    if (!claim) await this.#release(volume, signal);
    else if (!claim.spec?.volumeName) this.#continueBinding(volume, claim, key);
    else if (claim.spec.volumeName === name) await binder.setVolumePhase(volume, 'Bound', { signal });
    else await this.#giveUp(volume, signal);
  }

  /** The claim itself, not another of its name; what the cache has not, or has under a new UID, the server is asked for. */
  async #claimOf(volume: PersistentVolume, key: string, signal: AbortSignal) {
    const { view, client } = this.#options;
    const uid = volume.spec?.claimRef?.uid;
    const cached = view.claims.get(key);
    if (cached?.metadata.uid === uid) return cached;
    if (!cached && isReleased(volume)) return undefined;
    const { namespace, name } = splitKey(key);
    const live = await client.find(resources.persistentvolumeclaims, { namespace, name }, signal);
    return live?.metadata.uid === uid ? live : undefined;
  }

  async #release(volume: PersistentVolume, signal: AbortSignal): Promise<void> {
    const { binder } = this.#options;
    const released = isReleased(volume) ? volume : await binder.setVolumePhase(volume, 'Released', { signal });
    await this.#reclaim(released, signal);
  }

  /** Deleting is the external provisioner's work; a volume that nobody can delete or recycle is Failed. */
  async #reclaim(volume: PersistentVolume, signal: AbortSignal): Promise<void> {
    const policy = volume.spec?.persistentVolumeReclaimPolicy;
    if (policy === 'Delete' && !hasAnnotation(volume, provisionedBy)) {
      const message = `error getting deleter volume plugin for volume "${volume.metadata.name}": no deletable volume plugin matched`;
      await this.#fail(volume, { reason: 'VolumeFailedDelete', message }, signal);
    }
    if (policy === 'Recycle') {
      await this.#fail(volume, { reason: 'VolumeFailedRecycle', message: 'No recycler plugin found!' }, signal);
    }
  }

  async #fail(volume: PersistentVolume, event: { reason: string; message: string }, signal: AbortSignal) {
    if (volume.status?.phase === 'Failed') return;
    await this.#options.binder.setVolumePhase(volume, 'Failed', { message: event.message, signal });
    this.#options.events.event(volume, 'Warning', event.reason, event.message);
  }

  #continueBinding(volume: PersistentVolume, claim: PersistentVolumeClaim, key: string): void {
    const { events, wakeClaim } = this.#options;
    if (volumeModeOf(volume) === volumeModeOf(claim)) return wakeClaim(key);
    const { name } = volume.metadata;
    const forVolume = `Cannot bind PersistentVolume to requested PersistentVolumeClaim "${claim.metadata.name}" due to incompatible volumeMode.`;
    const forClaim = `Cannot bind PersistentVolume "${name}" to requested PersistentVolumeClaim due to incompatible volumeMode.`;
    events.event(volume, 'Warning', 'VolumeMismatch', forVolume);
    events.event(claim, 'Warning', 'VolumeMismatch', forClaim);
  }

  /** The claim is bound elsewhere: a volume made for it goes, any other becomes available again. */
  async #giveUp(volume: PersistentVolume, signal: AbortSignal): Promise<void> {
    const disposable = volume.spec?.persistentVolumeReclaimPolicy === 'Delete' && hasAnnotation(volume, provisionedBy);
    if (disposable) await this.#release(volume, signal);
    else await this.#options.binder.unbind(volume, signal);
  }
}

function isReleased(volume: PersistentVolume): boolean {
  return volume.status?.phase === 'Released' || volume.status?.phase === 'Failed';
}
