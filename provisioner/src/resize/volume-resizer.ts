import { type Clock, messageOf } from '@berth/kit';
import {
  type Informers,
  isConflict,
  type KubeClient,
  type PersistentVolume,
  type PersistentVolumeClaim,
  Quantity,
  resources,
} from '@berth/kube';
import { type GrpcCode, GrpcError, rpcErrorText } from '@berth/protos';
import type { ConnectedDriver } from '../driver/connect-driver.ts';
import type { NodeShare } from '../provision/node-share.ts';
import { readSecrets } from '../secrets.ts';
import { volumeCapability } from '../volume-capability.ts';
import { type ExpansionPlan, expansionStatus, planExpansion, wantsExpansion } from './expansion-plan.ts';
import type { ResizeObjects } from './resize-objects.ts';

export interface VolumeResizerOptions {
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly driver: ConnectedDriver;
  readonly objects: ResizeObjects;
  readonly clock: Clock;
  /** False: only nodes expand, so that the controller's part is to say so. */
  readonly controllerExpands: boolean;
  readonly share: NodeShare | undefined;
  /** How long an expansion that the driver calls infeasible is left alone. */
  readonly infeasibleRetryMs: number;
}

/** Codes that leave open whether the driver still expands (external-resizer IsFinalError). */
const uncertain: ReadonlySet<GrpcCode> = new Set<GrpcCode>([
  'CANCELLED',
  'DEADLINE_EXCEEDED',
  'UNAVAILABLE',
  'RESOURCE_EXHAUSTED',
  'ABORTED',
]);
const infeasible: ReadonlySet<GrpcCode> = new Set<GrpcCode>(['INVALID_ARGUMENT', 'OUT_OF_RANGE', 'NOT_FOUND']);

/** Expands volumes of claims that ask for more, by ControllerExpandVolume (external-resizer 2.2). */
export class VolumeResizer {
  readonly #options: VolumeResizerOptions;
  /** Claims whose last call surely failed; after a restart the driver is asked for the recorded size once more. */
  readonly #failedForSure = new Set<string>();
  readonly #infeasibleSinceMs = new Map<string, number>();
  /** Claims whose volume the driver refused to expand while it is in use. */
  readonly #refusedInUse = new Set<string>();

  constructor(options: VolumeResizerOptions) {
    this.#options = options;
  }

  async reconcile(key: string, signal: AbortSignal): Promise<undefined | { afterMs: number }> {
    const { informers } = this.#options;
    const claim = informers.of(resources.persistentvolumeclaims).get(key);
    if (!claim || !wantsExpansion(claim)) return this.#forget(key);
    const volume = informers.of(resources.persistentvolumes).get(claim.spec?.volumeName ?? '');
    // The volume's arrival brings the claim back here.
    if (!volume || !this.#isOurs(claim, volume)) return;
    const failedForSure = this.#failedForSure.has(key);
    const { controllerExpands } = this.#options;
    const plan = planExpansion({ claim, volume, failedForSure, controllerExpands });
    if (!plan) return;
    const restMs = plan.resumes ? this.#restMs(key) : 0;
    if (restMs > 0) return { afterMs: restMs };
    await this.#expand({ key, claim, volume, plan }, signal);
    return;
  }

  async #expand({ key, claim, volume, plan }: Expansion, signal: AbortSignal): Promise<void> {
    const { objects, driver } = this.#options;
    const begun = await objects.begin(claim, plan, signal);
    if (this.#refusedInUse.has(key) && this.#isInUse(claim)) {
      const message = `Unable to expand ${key} because CSI driver ${driver.name} only supports offline expansion and volume is currently in-use`;
      objects.tell(claim, 'Warning', 'VolumeResizeFailed', message);
      throw new Error(message);
    }
    const { name } = volume.metadata;
    objects.tell(claim, 'Normal', 'Resizing', `External resizer is resizing volume ${name}`);
    try {
      const { size, nodeExpands } = await this.#callDriver({ key, claim: begun, volume, plan }, signal);
      await objects.setCapacity(volume, size, signal);
      if (nodeExpands) await objects.handToNode(begun, signal);
      else await objects.finish(begun, size, signal);
    } catch (error) {
      signal.throwIfAborted();
      // A lost update is done again at once, and nobody's concern.
      if (!isConflict(error)) objects.tell(begun, 'Warning', 'VolumeResizeFailed', messageOf(error));
      throw error;
    }
  }

  async #callDriver(expansion: Expansion, signal: AbortSignal): Promise<{ size: Quantity; nodeExpands: boolean }> {
    const { key, claim, volume, plan } = expansion;
    const { driver, objects, clock, controllerExpands } = this.#options;
    if (!controllerExpands) return { size: plan.size, nodeExpands: true };
    try {
      const answer = await this.#request(volume, plan, signal);
      this.#forget(key);
      return { size: Quantity.of(BigInt(answer.capacityBytes), 'BinarySI'), nodeExpands: answer.nodeExpansionRequired };
    } catch (error) {
      signal.throwIfAborted();
      const code = error instanceof GrpcError ? error.code : undefined;
      const message = error instanceof GrpcError ? rpcErrorText(error) : messageOf(error);
      this.#forget(key);
      if (code === 'FAILED_PRECONDITION') this.#refusedInUse.add(key);
      if (code !== undefined && !uncertain.has(code)) {
        this.#failedForSure.add(key);
        if (infeasible.has(code)) this.#infeasibleSinceMs.set(key, clock.monotonicMs());
        await objects.fail(claim, { message, infeasible: infeasible.has(code) }, signal);
      }
      const words = `resize volume "${volume.metadata.name}" by resizer "${driver.name}" failed: ${message}`;
      throw new Error(words, { cause: error });
    }
  }

  async #request(volume: PersistentVolume, plan: ExpansionPlan, signal: AbortSignal) {
    const { client, driver } = this.#options;
    const { csi, accessModes = [], volumeMode, mountOptions: mountFlags } = volume.spec ?? {};
    if (!csi?.volumeHandle) throw new Error('empty volume handle');
    const secrets = await readSecrets(client, csi.controllerExpandSecretRef, signal);
    const finerSingleNode = driver.can('SINGLE_NODE_MULTI_WRITER');
    const request = {
      volumeId: csi.volumeHandle,
      capacityRange: { requiredBytes: String(plan.size.value()) },
      secrets,
      volumeCapability: volumeCapability({
        accessModes,
        volumeMode,
        fsType: csi.fsType ?? '',
        mountFlags,
        finerSingleNode,
      }),
    };
    return driver.calls.controller('ControllerExpandVolume', request, signal);
  }

  #isOurs(claim: PersistentVolumeClaim, { spec, ...volume }: PersistentVolume): boolean {
    const { driver, share } = this.#options;
    if (spec?.csi?.driver !== driver.name) return false;
    const { namespace, uid } = claim.metadata;
    if (spec.claimRef?.namespace !== namespace || spec.claimRef?.uid !== uid) return false;
    return share?.owns({ ...volume, spec }) ?? true;
  }

  /** What is left of the time an infeasible expansion rests: its owner may ask for less, which ends it. */
  #restMs(key: string): number {
    const { informers, infeasibleRetryMs, clock } = this.#options;
    const claim = informers.of(resources.persistentvolumeclaims).get(key);
    const sinceMs = this.#infeasibleSinceMs.get(key);
    if (sinceMs === undefined || !claim || expansionStatus(claim) === 'NodeResizeInfeasible') return 0;
    return Math.max(0, sinceMs + infeasibleRetryMs - clock.monotonicMs());
  }

  #isInUse({ metadata: { namespace, name } }: PersistentVolumeClaim): boolean {
    const pods = this.#options.informers.of(resources.pods).list();
    return pods.some(
      ({ metadata, spec, status }) =>
        metadata.namespace === namespace &&
        status?.phase !== 'Succeeded' &&
        status?.phase !== 'Failed' &&
        spec?.volumes?.some(({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === name),
    );
  }

  #forget(key: string): undefined {
    this.#failedForSure.delete(key);
    this.#infeasibleSinceMs.delete(key);
    this.#refusedInUse.delete(key);
  }
}

interface Expansion {
  readonly key: string;
  readonly claim: PersistentVolumeClaim;
  readonly volume: PersistentVolume;
  readonly plan: ExpansionPlan;
}
