import { type Clock, type Logger, messageOf } from '@berth/kit';
import {
  copyJson,
  type EventRecorder,
  isAlreadyExists,
  isReason,
  type KubeClient,
  type PersistentVolume,
  resources,
  type VolumeNodeAffinity,
} from '@berth/kube';
import { asGrpcError, type csi, rpcErrorText } from '@berth/protos';
import type { ConnectedDriver } from '../driver/connect-driver.ts';
import type { ProvisionerSettings } from '../provisioner-settings.ts';
import { readSecrets } from '../secrets.ts';
import { buildVolume } from './build-volume.ts';
import type { CallJournal, OpenCall } from './call-journal.ts';
import type { ClaimView } from './claim-view.ts';
import type { CreatePlan } from './create-plan.ts';
import { createFailure, ProvisionError } from './outcome.ts';

export interface VolumeMakerOptions {
  readonly client: KubeClient;
  readonly view: ClaimView;
  readonly driver: ConnectedDriver;
  readonly settings: ProvisionerSettings;
  readonly identity: string;
  readonly journal: CallJournal;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Before the volume is given back: a server that is briefly away must not cost a volume. */
const saveDelaysMs = [0, 10, 100, 1000, 5000];
/** Tries to take back a volume that cannot be used (external-provisioner cleanupVolume). */
const cleanupDelaysMs = [0, 100, 500, 1000, 5000];

/** Turns a plan into a volume at the driver and a PersistentVolume that holds it, or into neither. */
export class VolumeMaker {
  readonly #options: VolumeMakerOptions;

  constructor(options: VolumeMakerOptions) {
    this.#options = options;
  }

  /** @throws ProvisionError – see its outcome. */
  async make(plan: CreatePlan, signal: AbortSignal): Promise<PersistentVolume> {
    const { journal, view, driver, settings, identity } = this.#options;
    const uid = plan.claim.metadata.uid ?? '';
    const volume = await this.#create(uid, plan, signal);
    await this.#refuseTooSmall(uid, plan, volume, signal);
    if (!view.find(uid)) {
      await this.abandon(uid, { plan, volumeId: volume.volumeId }, signal);
      throw new ProvisionError(
        'Finished',
        'the claim was deleted while its volume was made; the volume is deleted again',
      );
    }
    const { name: driverName, hasTopology } = driver;
    const object = buildVolume({ plan, volume, driverName, hasTopology, identity, settings });
    const saved = await this.#save(plan, { object, volumeId: volume.volumeId }, signal);
    journal.forget(uid);
    return saved;
  }

  /** Learns what an open call made, by repeating it, and deletes that. Throws to be tried again. */
  async abandon(uid: string, { plan, volumeId }: OpenCall, signal: AbortSignal): Promise<void> {
    const { journal, log } = this.#options;
    const made = volumeId ?? (await this.#learnId(uid, plan, signal));
    if (made !== undefined) {
      await journal.record(uid, { plan, volumeId: made });
      await this.#delete(plan, made, signal);
    }
    journal.forget(uid);
    log.info('took back a volume whose claim is gone', { volume: plan.volumeName, made: made !== undefined });
  }

  async #learnId(uid: string, plan: CreatePlan, signal: AbortSignal): Promise<string | undefined> {
    try {
      return (await this.#create(uid, plan, signal)).volumeId;
    } catch (error) {
      if (error instanceof ProvisionError && (error.code === 'Finished' || error.code === 'Reschedule'))
        return undefined;
      throw error;
    }
  }

  async #create(uid: string, plan: CreatePlan, signal: AbortSignal): Promise<csi.Volume> {
    const { driver, journal, client } = this.#options;
    const secrets = await this.#started(() => readSecrets(client, plan.provisionerSecret, signal));
    await this.#started(() => journal.record(uid, { plan }));
    try {
      const { volume } = await driver.calls.controller('CreateVolume', { ...plan.request, secrets }, signal);
      if (volume?.volumeId) return volume;
      throw new ProvisionError('InBackground', 'the driver answered CreateVolume without a volume');
    } catch (error) {
      signal.throwIfAborted();
      const failure = error instanceof ProvisionError ? error : createFailure(error, plan.mayReschedule);
      if (failure.code !== 'InBackground') journal.forget(uid);
      throw failure;
    }
  }

  async #started<T>(step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      throw new ProvisionError('NotStarted', messageOf(error), { cause: error });
    }
  }

  /** A volume smaller than asked breaks the driver's promise: it is given back, and asked for again. */
  async #refuseTooSmall(uid: string, plan: CreatePlan, volume: csi.Volume, signal: AbortSignal): Promise<void> {
    const bytes = BigInt(volume.capacityBytes);
    if (bytes === 0n || bytes >= plan.sizeBytes) return;
    const problem = `created volume capacity ${bytes} less than requested capacity ${plan.sizeBytes}`;
    const failure = await this.#cleanUp(plan, volume.volumeId, signal);
    if (failure === undefined) this.#options.journal.forget(uid);
    const orphaned = failure && `. Cleanup of volume ${plan.volumeName} failed, volume is orphaned: ${failure}`;
    throw new ProvisionError('InBackground', problem + (orphaned ?? ''));
  }

  async #save(
    plan: CreatePlan,
    made: { readonly object: PersistentVolume; readonly volumeId: string },
    signal: AbortSignal,
  ): Promise<PersistentVolume> {
    let last: unknown;
    for (const delayMs of saveDelaysMs) {
      if (delayMs > 0) await this.#options.clock.sleep(delayMs, signal);
      try {
        return await this.#options.client.create(resources.persistentvolumes, copyJson(made.object), {}, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (isAlreadyExists(error)) return this.#settle(plan, made, signal);
        last = error;
        if (isReason(error, 'Invalid', 'BadRequest', 'Forbidden', 'RequestEntityTooLarge')) break;
      }
    }
    return this.#giveBack(plan, made.volumeId, { problem: last, signal });
  }

  /** Our own earlier write, whose answer was lost; or another node's provisioner was first, and our volume is one too many. */
  async #settle(
    plan: CreatePlan,
    made: { readonly object: PersistentVolume; readonly volumeId: string },
    signal: AbortSignal,
  ): Promise<PersistentVolume> {
    const { name = '' } = made.object.metadata;
    const saved = await this.#options.client.get(resources.persistentvolumes, { name }, signal);
    if (isSamePlace(saved, made.object)) return saved;
    const failure = await this.#cleanUp(plan, made.volumeId, signal);
    if (failure === undefined) return saved;
    throw new ProvisionError(
      'InBackground',
      `volume ${name} was made twice, and the second cannot be deleted: ${failure}`,
    );
  }

  /** The server refuses the object: without it nobody could ever delete the volume. */
  async #giveBack(
    plan: CreatePlan,
    volumeId: string,
    { problem, signal }: { problem: unknown; signal: AbortSignal },
  ): Promise<never> {
    const { events, journal } = this.#options;
    const claim = `${plan.claim.metadata.namespace}/${plan.claim.metadata.name}`;
    const text = `Error creating provisioned PV object for claim ${claim}: ${messageOf(problem)}. Deleting the volume.`;
    events.event(plan.claim, 'Warning', 'ProvisioningFailed', text);
    const failure = await this.#cleanUp(plan, volumeId, signal);
    if (failure === undefined) journal.forget(plan.claim.metadata.uid ?? '');
    else {
      const message = `Error cleaning provisioned volume for claim ${claim}: ${failure}. Please delete manually.`;
      events.event(plan.claim, 'Warning', 'ProvisioningCleanupFailed', message);
    }
    throw new ProvisionError(failure === undefined ? 'Finished' : 'InBackground', messageOf(problem), {
      cause: problem,
    });
  }

  /** Undefined when the volume is gone, else why it is not. */
  async #cleanUp(plan: CreatePlan, volumeId: string, signal: AbortSignal): Promise<string | undefined> {
    let failure: string | undefined;
    for (const delayMs of cleanupDelaysMs) {
      if (delayMs > 0) await this.#options.clock.sleep(delayMs, signal);
      try {
        await this.#delete(plan, volumeId, signal);
        return undefined;
      } catch (error) {
        signal.throwIfAborted();
        failure = rpcErrorText(asGrpcError(error));
      }
    }
    return failure;
  }

  async #delete(plan: CreatePlan, volumeId: string, signal: AbortSignal): Promise<void> {
    const { client, driver } = this.#options;
    const secrets = await readSecrets(client, plan.provisionerSecret, signal);
    await driver.calls.controller('DeleteVolume', { volumeId, secrets }, signal);
  }
}

/** The same volume: one handle at one driver, and, where handles are each node's own, reachable from the same nodes. */
function isSamePlace({ spec: a }: PersistentVolume, { spec: b }: PersistentVolume): boolean {
  return (
    a?.csi?.driver === b?.csi?.driver &&
    a?.csi?.volumeHandle === b?.csi?.volumeHandle &&
    affinityText(a?.nodeAffinity) === affinityText(b?.nodeAffinity)
  );
}

function affinityText(affinity: VolumeNodeAffinity | undefined): string {
  const terms = affinity?.required?.nodeSelectorTerms ?? [];
  const texts = terms.map(({ matchExpressions = [] }) =>
    matchExpressions
      .map(({ key, operator, values = [] }) => `${key} ${operator} ${values.toSorted()}`)
      .sort()
      .join('&'),
  );
  return texts.sort().join('|');
}
