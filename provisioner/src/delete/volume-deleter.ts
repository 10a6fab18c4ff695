import { type Clock, messageOf } from '@berth/kit';
import {
  type EventRecorder,
  isConflict,
  isNotFound,
  type KubeClient,
  type PersistentVolume,
  resources,
} from '@berth/kube';
import { GrpcError, rpcErrorText } from '@berth/protos';
import type { ConnectedDriver } from '../driver/connect-driver.ts';
import { deletionSecretName, deletionSecretNamespace, provisionedBy, volumeFinalizer } from '../object-names.ts';
import type { ClaimView } from '../provision/claim-view.ts';
import type { NodeShare } from '../provision/node-share.ts';
import type { ProvisionStats } from '../provision/provision-stats.ts';
import { readSecrets } from '../secrets.ts';
import type { VolumeUse } from './volume-use.ts';

export interface VolumeDeleterOptions {
  readonly client: KubeClient;
  readonly view: ClaimView;
  readonly driver: ConnectedDriver;
  readonly events: EventRecorder;
  readonly use: VolumeUse;
  readonly stats: ProvisionStats;
  readonly share: NodeShare | undefined;
  readonly clock: Clock;
}

/** A node is usually done within moments of the last pod's end: so long a refusal is waiting, not failure. */
const patienceMs = 30_000;
/** The watches of pods, nodes and attachments trail that of volumes by moments, which is nothing to warn of. */
const tellAfterMs = 2000;
const firstDelayMs = 20;
const longestDelayMs = 1000;

/**
 * Deletes volumes whose claims are gone, but none before it is unstaged everywhere: not while an attachment, a node or
 * a pod shows its use, and not while the driver itself, which alone knows its mounts, answers FAILED_PRECONDITION.
 */
export class VolumeDeleter {
  readonly #options: VolumeDeleterOptions;
  readonly #waiting = new Map<string, { readonly sinceMs: number; delayMs: number; reason: string; told: boolean }>();

  constructor(options: VolumeDeleterOptions) {
    this.#options = options;
  }

  /** Names of volumes that wait for somebody to let go. */
  get waiting(): string[] {
    return [...this.#waiting.keys()];
  }

  async reconcile(name: string, signal: AbortSignal): Promise<undefined | { afterMs: number }> {
    const cached = this.#options.view.volumes.get(name);
    if (!cached || !this.#isOurs(cached)) {
      this.#waiting.delete(name);
      return;
    }
    const volume = await this.#keepFinalizer(cached, signal);
    if (!this.#shouldDelete(volume)) {
      this.#waiting.delete(name);
      return;
    }
    const inUse = this.#options.use.of(volume);
    if (inUse !== undefined) return this.#wait(volume, inUse);
    // The cache may be behind: a volume that was given to another claim meanwhile must not go.
    const live = await this.#options.client.find(resources.persistentvolumes, { name }, signal);
    if (!live || live.metadata.uid !== volume.metadata.uid || !this.#shouldDelete(live)) return;
    return this.#delete(live, signal);
  }

  #isOurs({ metadata }: PersistentVolume): boolean {
    return metadata.annotations?.[provisionedBy] === this.#options.driver.name;
  }

  /** While a volume is to be deleted with its claim, the finalizer keeps it until the driver has; a kept one needs none. */
  async #keepFinalizer(volume: PersistentVolume, signal: AbortSignal): Promise<PersistentVolume> {
    const { finalizers = [], deletionTimestamp } = volume.metadata;
    const has = finalizers.includes(volumeFinalizer);
    const wants = volume.spec?.persistentVolumeReclaimPolicy === 'Delete';
    if (has === wants || (wants && deletionTimestamp !== undefined)) return volume;
    if (this.#options.share && !this.#options.share.owns(volume)) return volume;
    const next = structuredClone(volume);
    next.metadata.finalizers = wants
      ? [...finalizers, volumeFinalizer]
      : finalizers.filter((f) => f !== volumeFinalizer);
    return this.#options.client.update(resources.persistentvolumes, next, {}, signal);
  }

  #shouldDelete(volume: PersistentVolume): boolean {
    const { deletionTimestamp, finalizers = [] } = volume.metadata;
    if (!this.#isOurs(volume) || volume.spec?.persistentVolumeReclaimPolicy !== 'Delete' || !volume.spec.csi)
      return false;
    // Without our finalizer the volume is gone already, and only the object waits for others.
    if (deletionTimestamp !== undefined && !finalizers.includes(volumeFinalizer)) return false;
    const phase = volume.status?.phase;
    const free =
      phase === 'Released' || phase === 'Failed' || (deletionTimestamp !== undefined && phase === 'Available');
    return free && (this.#options.share?.owns(volume) ?? true);
  }

  /** What releases the volume wakes it ({@link VolumeUse.onRelease}); the time is only for telling whom it waits for. */
  #wait(volume: PersistentVolume, reason: string): undefined | { afterMs: number } {
    const name = volume.metadata.name ?? '';
    const nowMs = this.#options.clock.monotonicMs();
    const known = this.#waiting.get(name);
    if (known?.reason !== reason) {
      this.#waiting.set(name, { sinceMs: nowMs, delayMs: firstDelayMs, reason, told: false });
      return { afterMs: tellAfterMs };
    }
    if (known.told || nowMs - known.sinceMs < tellAfterMs) return;
    known.told = true;
    this.#options.events.event(volume, 'Warning', 'VolumeFailedDelete', reason);
    return;
  }

  async #delete(volume: PersistentVolume, signal: AbortSignal): Promise<undefined | { afterMs: number }> {
    const { driver, client, stats, events } = this.#options;
    const timer = stats.startDelete(volume.spec?.storageClassName ?? '');
    try {
      const secrets = await readSecrets(client, deletionSecret(volume), signal);
      const volumeId = volume.spec?.csi?.volumeHandle ?? '';
      await driver.calls.controller('DeleteVolume', { volumeId, secrets }, signal);
    } catch (error) {
      signal.throwIfAborted();
      const again = this.#stillStaged(volume, error);
      if (again) return again;
      timer.failed();
      const message = error instanceof GrpcError ? rpcErrorText(error) : messageOf(error);
      events.event(volume, 'Warning', 'VolumeFailedDelete', message);
      throw error;
    }
    await this.#removeObject(volume, signal);
    this.#waiting.delete(volume.metadata.name ?? '');
    timer.succeeded();
    return;
  }

  /** Soon again, for a while; undefined when the refusal is a failure. */
  #stillStaged(volume: PersistentVolume, error: unknown): { afterMs: number } | undefined {
    if (!(error instanceof GrpcError) || error.code !== 'FAILED_PRECONDITION') return undefined;
    const name = volume.metadata.name ?? '';
    const nowMs = this.#options.clock.monotonicMs();
    const known = this.#waiting.get(name) ?? {
      sinceMs: nowMs,
      delayMs: firstDelayMs,
      reason: error.message,
      told: false,
    };
    this.#waiting.set(name, known);
    if (nowMs - known.sinceMs > patienceMs) return undefined;
    const afterMs = known.delayMs;
    known.delayMs = Math.min(known.delayMs * 2, longestDelayMs);
    return { afterMs };
  }

  async #removeObject(volume: PersistentVolume, signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    const name = volume.metadata.name ?? '';
    const preconditions = volume.metadata.uid === undefined ? {} : { preconditions: { uid: volume.metadata.uid } };
    await client.delete(resources.persistentvolumes, { name }, preconditions, signal).catch(ignoreNotFound);
    for (;;) {
      const current = await client.find(resources.persistentvolumes, { name }, signal);
      const { finalizers = [], uid } = current?.metadata ?? {};
      if (!current || uid !== volume.metadata.uid || !finalizers.includes(volumeFinalizer)) return;
      const next = structuredClone(current);
      next.metadata.finalizers = finalizers.filter((finalizer) => finalizer !== volumeFinalizer);
      try {
        await client.update(resources.persistentvolumes, next, {}, signal);
        return;
      } catch (error) {
        // pv-protection takes its own finalizer away at this very moment.
        if (!isConflict(error)) return ignoreNotFound(error);
      }
    }
  }
}

function deletionSecret({ metadata: { annotations } }: PersistentVolume) {
  const [name, namespace] = [annotations?.[deletionSecretName], annotations?.[deletionSecretNamespace]];
  return name && namespace ? { name, namespace } : undefined;
}

function ignoreNotFound(error: unknown): void {
  if (!isNotFound(error)) throw error;
}
