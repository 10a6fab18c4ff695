import {
  type EventRecorder,
  type Informer,
  type PersistentVolume,
  type PersistentVolumeClaim,
  resources,
  type StorageClass,
} from '@berth/kube';
import type { ControllerDeps } from '../controller-deps.ts';
import type { Binder } from './binder.ts';
import { classOf, hasAnnotation, isBoundToClaim, isNodeSelected, waitsForConsumer } from './binding-facts.ts';
import { bindCompleted, boundByController } from './binding-names.ts';
import type { BindingView } from './binding-view.ts';
import { assignDefaultClass } from './default-class.ts';
import { requestProvisioning } from './external-provisioning.ts';
import { whyUnsatisfied } from './match-volume.ts';
import { unscheduledPodsOf } from './pod-claims.ts';

export interface ClaimSyncOptions extends Pick<ControllerDeps, 'client' | 'informers'> {
  readonly view: BindingView;
  readonly binder: Binder;
  readonly events: EventRecorder;
}

/** Brings one claim a step nearer to a volume (kube-controller-manager, persistentvolume/pv_controller.go syncClaim). */
export class ClaimSync {
  readonly #options: ClaimSyncOptions;
  readonly #classes: Informer<StorageClass>;

  constructor(options: ClaimSyncOptions) {
    this.#options = options;
    this.#classes = options.informers.of(resources.storageclasses);
  }

  async sync(key: string, signal: AbortSignal): Promise<undefined> {
    const claim = this.#options.view.claims.get(key);
    if (!claim) return;
    if (hasAnnotation(claim, bindCompleted)) await this.#syncBound(claim, signal);
    else if (claim.spec?.volumeName) await this.#syncNamed(claim, claim.spec.volumeName, signal);
    else await this.#syncUnbound(key, claim, signal);
  }

  async #syncUnbound(key: string, claim: PersistentVolumeClaim, signal: AbortSignal): Promise<void> {
    const { view, binder, events, client } = this.#options;
    const delayed = waitsForConsumer(this.#classes.get(classOf(claim)));
    const volume = view.bestMatch(claim, delayed);
    if (volume) return binder.bind(volume, claim, signal);
    const assigned = await assignDefaultClass({ claim, classes: this.#classes, client }, signal);
    if (assigned) return void view.claims.learn(assigned);
    if (delayed && !isNodeSelected(claim)) this.#tellWhoIsWaitedFor(key, claim);
    else if (classOf(claim) !== '') {
      const asked = await requestProvisioning({ claim, classes: this.#classes, client, events }, signal);
      return void (asked && view.claims.learn(asked));
    } else {
      const message = 'no persistent volumes available for this claim and no storage class is set';
      events.event(claim, 'Normal', 'FailedBinding', message);
    }
    await binder.setClaimStatus(claim, 'Pending', { signal });
  }

  #tellWhoIsWaitedFor(key: string, claim: PersistentVolumeClaim): void {
    const { events, informers } = this.#options;
    const names = unscheduledPodsOf(informers, key).map((pod) => pod.metadata.name);
    if (names.length === 0) {
      const message = 'waiting for first consumer to be created before binding';
      return events.event(claim, 'Normal', 'WaitForFirstConsumer', message);
    }
    const message = `waiting for ${names.length === 1 ? 'pod' : 'pods'} ${names.join(',')} to be scheduled`;
    events.event(claim, 'Normal', 'WaitForPodScheduled', message);
  }

  /** The user, or an earlier half of a binding, named the volume. */
  async #syncNamed(claim: PersistentVolumeClaim, name: string, signal: AbortSignal): Promise<void> {
    const { view, binder, events } = this.#options;
    const volume = view.volumes.get(name);
    if (!volume) return void (await binder.setClaimStatus(claim, 'Pending', { signal }));
    if (!volume.spec?.claimRef) {
      const problem = whyUnsatisfied(volume, claim);
      if (problem === undefined) return binder.bind(volume, claim, signal);
      const message = `Cannot bind to requested volume "${name}": ${problem}`;
      events.event(claim, 'Warning', 'VolumeMismatch', message);
    } else if (isBoundToClaim(volume, claim)) {
      return binder.bind(volume, claim, signal);
    } else if (hasAnnotation(claim, boundByController)) {
      const { namespace, name: other } = volume.spec.claimRef;
      throw new Error(`volume "${name}" already bound to a different claim "${namespace}/${other}" by controller`);
    } else {
      events.event(claim, 'Warning', 'FailedBinding', `volume "${name}" already bound to a different claim.`);
    }
    await binder.setClaimStatus(claim, 'Pending', { signal });
  }

  async #syncBound(claim: PersistentVolumeClaim, signal: AbortSignal): Promise<void> {
    const name = claim.spec?.volumeName;
    if (!name) return this.#lose(claim, 'has lost reference to PersistentVolume', signal);
    const volume = this.#options.view.volumes.get(name) ?? (await this.#find(name, signal));
    if (!volume) return this.#lose(claim, 'has lost its PersistentVolume', signal);
    const holder = volume.spec?.claimRef;
    if (!holder || holder.uid === claim.metadata.uid) return this.#options.binder.bind(volume, claim, signal);
    const message = 'Two claims are bound to the same volume, this one is bound incorrectly';
    await this.#markLost(claim, { reason: 'ClaimMisbound', message }, signal);
  }

  /** The claims' watch may be ahead of the volumes': only the server knows that a volume is gone. */
  #find(name: string, signal: AbortSignal): Promise<PersistentVolume | undefined> {
    return this.#options.client.find(resources.persistentvolumes, { name }, signal);
  }

  #lose(claim: PersistentVolumeClaim, how: string, signal: AbortSignal): Promise<void> {
    const message = `Bound claim ${how}. Data on the volume is lost!`;
    return this.#markLost(claim, { reason: 'ClaimLost', message }, signal);
  }

  async #markLost(claim: PersistentVolumeClaim, event: { reason: string; message: string }, signal: AbortSignal) {
    if (claim.status?.phase === 'Lost') return;
    await this.#options.binder.setClaimStatus(claim, 'Lost', { signal });
    this.#options.events.event(claim, 'Warning', event.reason, event.message);
  }
}
