import { Backoff, type Clock, isAbort, type Logger, messageOf } from '@berth/kit';
import type { EventRecorder } from '@berth/kube';
import type { ActualPodVolume, MountState } from '../actual-world/actual-volume.ts';
import type { ActualWorld } from '../actual-world/actual-world.ts';
import { type DevicePlugin, isDevicePlugin, type VolumePlugin } from '../plugins/volume-plugin.ts';
import { type Operation, operationKey } from '../reconcile/operation.ts';
import { csiSource, expansionOf, type UniqueVolumeName, type VolumeSpec } from '../volume-spec.ts';
import { failureEvent, failureText } from './failure-text.ts';
import { metricLabels } from './metric-labels.ts';
import { outcomeOf, VolumeError } from './volume-error.ts';

/** One finished operation, for metrics (`storage_operation_duration_seconds`). */
export interface OperationRecord {
  readonly operation: string;
  readonly plugin: string;
  readonly status: 'success' | 'fail-unknown';
  readonly seconds: number;
}

export interface ExecutorOptions {
  readonly plugins: ReadonlyMap<string, VolumePlugin>;
  readonly actual: ActualWorld;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: EventRecorder;
  readonly observe?: ((record: OperationRecord) => void) | undefined;
  /** Mounted content has to be renewed after this time. */
  readonly onRefreshDue: (name: UniqueVolumeName, podUid: string, afterMs: number) => void;
  /** Takes away the pod's subPath mounts of a volume before the volume itself goes. */
  readonly cleanSubPaths: (actual: ActualPodVolume) => void;
}

/** Runs operations: back-off, log, event, metric and marking of the actual world happen here and nowhere else. */
export class Executor {
  readonly #options: ExecutorOptions;
  /** Kubelet's per-operation back-off (exponentialbackoff.go). */
  readonly #backoff = new Backoff({ initialMs: 500, maxMs: 122_000 });
  readonly #notBefore = new Map<string, number>();
  /** Operations under way, and whether what they may fail on has changed since they began. */
  readonly #attempts = new Map<string, { forgiven: boolean }>();

  constructor(options: ExecutorOptions) {
    this.#options = options;
  }

  /** How long an operation has to wait for its back-off; 0 when it may start. */
  waitMs(name: UniqueVolumeName, operation: Operation): number {
    const at = this.#notBefore.get(keyFor(name, operation)) ?? 0;
    return Math.max(0, at - this.#options.clock.monotonicMs());
  }

  /** What the operations of a volume failed on has changed: they may be tried at once. */
  forgive(name: UniqueVolumeName): void {
    for (const key of this.#notBefore.keys()) {
      if (!key.startsWith(`${name} `)) continue;
      this.#notBefore.delete(key);
      this.#backoff.forget(key);
    }
    for (const [key, attempt] of this.#attempts) if (key.startsWith(`${name} `)) attempt.forgiven = true;
  }

  /** Runs one operation to its end and marks what it did. Never throws. */
  async run(name: UniqueVolumeName, operation: Operation, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    const started = clock.monotonicMs();
    const key = keyFor(name, operation);
    const attempt = { forgiven: false };
    this.#attempts.set(key, attempt);
    try {
      await this.#perform(name, operation, signal);
      this.#notBefore.delete(key);
      this.#backoff.forget(key);
      log.debug('volume operation done', { operation: operation.kind, volume: name });
      this.#observe(operation, 'success', started);
    } catch (error) {
      if (signal.aborted && (isAbort(error) || error === signal.reason)) return;
      const delayMs = attempt.forgiven ? 0 : this.#backoff.next(key);
      this.#notBefore.set(key, clock.monotonicMs() + delayMs);
      this.#report(name, operation, error, delayMs);
      this.#observe(operation, 'fail-unknown', started);
    } finally {
      this.#attempts.delete(key);
    }
  }

  async #perform(name: UniqueVolumeName, operation: Operation, signal: AbortSignal): Promise<void> {
    switch (operation.kind) {
      case 'mount-device':
        return this.#mountDevice(name, operation.spec, signal);
      case 'mount-pod':
        return this.#mountPod(name, operation.spec, signal);
      case 'expand-volume':
        return this.#expand(name, operation.spec, signal);
      case 'unmount-pod':
        return this.#unmountPod(name, operation.actual, signal);
      case 'unmount-device': {
        const { actual } = operation;
        // From now on only a completed unstage says anything about the device.
        this.#options.actual.setDevice(name, { ...actual, state: 'uncertain' });
        await this.#device('kubernetes.io/csi').unmountDevice(actual, signal);
        this.#options.actual.setDevice(name, { ...actual, state: 'absent' });
      }
    }
  }

  async #mountDevice(name: UniqueVolumeName, spec: VolumeSpec, signal: AbortSignal): Promise<void> {
    const { actual } = this.#options;
    const before = actual.get(name)?.device;
    const { driver, handle } = csiSource(spec) ?? { driver: '', handle: '' };
    const reconstructed = before?.reconstructed ?? false;
    const mark = (state: MountState) =>
      actual.setDevice(name, { state, mode: spec.mode, driver, handle, specName: spec.specName, reconstructed });
    mark('uncertain');
    try {
      await this.#device(spec.plugin).mountDevice(spec, signal);
      actual.setDevice(name, {
        state: 'done',
        mode: spec.mode,
        driver,
        handle,
        specName: spec.specName,
        reconstructed: false,
      });
    } catch (error) {
      mark(after(outcomeOf(error), before));
      throw error;
    }
  }

  async #mountPod(name: UniqueVolumeName, spec: VolumeSpec, signal: AbortSignal): Promise<void> {
    const { actual } = this.#options;
    const before = actual.podVolume(name, spec.podUid);
    refuseSecondPod(spec, actual.get(name)?.pods.keys() ?? []);
    const { podUid, plugin, specName, mode } = spec;
    const facts = { podUid, plugin, specName, mode };
    const reconstructed = before?.reconstructed ?? false;
    const renew = before?.state === 'done';
    // The wish for a renewal is taken before anything is read: what changes meanwhile is wished for again, and kept.
    actual.setPodVolume(name, { ...facts, state: renew ? 'done' : 'uncertain', reconstructed, refresh: false });
    const refresh = () => actual.podVolume(name, podUid)?.refresh ?? false;
    try {
      const { refreshAfterMs } = await this.#plugin(plugin).setUp(spec, renew, signal);
      actual.setPodVolume(name, { ...facts, state: 'done', reconstructed: false, refresh: refresh() });
      if (refreshAfterMs !== undefined) this.#options.onRefreshDue(name, podUid, refreshAfterMs);
    } catch (error) {
      // A mounted volume whose renewal fails stays mounted.
      if (renew) actual.requireRefresh(name, podUid);
      else
        actual.setPodVolume(name, { ...facts, state: after(outcomeOf(error), before), reconstructed, refresh: false });
      throw error;
    }
  }

  async #expand(name: UniqueVolumeName, spec: VolumeSpec, signal: AbortSignal): Promise<void> {
    const { actual } = this.#options;
    const publishedTo = [...(actual.get(name)?.pods.values() ?? [])].find(({ state }) => state === 'done')?.podUid;
    const done = await this.#device(spec.plugin).expand(spec, publishedTo, signal);
    if (!done) throw new VolumeError('Transient', 'the driver grows published volumes only');
    const device = actual.get(name)?.device;
    if (device) actual.setDevice(name, { ...device, expandedTo: expansionOf(spec) });
  }

  async #unmountPod(name: UniqueVolumeName, volume: ActualPodVolume, signal: AbortSignal): Promise<void> {
    this.#options.actual.setPodVolume(name, { ...volume, state: 'uncertain' });
    this.#options.cleanSubPaths(volume);
    await this.#plugin(volume.plugin).tearDown(volume, signal);
    this.#options.actual.setPodVolume(name, { ...volume, state: 'absent' });
    // Another pod may have waited for this one to let go (ReadWriteOncePod).
    this.forgive(name);
  }

  #plugin(name: string): VolumePlugin {
    const plugin = this.#options.plugins.get(name);
    if (!plugin) throw new VolumeError('Transient', `no volume plugin matched name: ${name}`);
    return plugin;
  }

  #device(name: string): DevicePlugin {
    const plugin = this.#plugin(name);
    if (!isDevicePlugin(plugin)) throw new VolumeError('Transient', `${name} has no device to mount`);
    return plugin;
  }

  #report(name: UniqueVolumeName, operation: Operation, error: unknown, delayMs: number): void {
    const { log, events } = this.#options;
    log.warn(failureText(operation, messageOf(error)), { volume: name, error, retryInMs: delayMs });
    const event = failureEvent(operation, messageOf(error));
    if (event) events.event(event.about, 'Warning', event.reason, event.message);
  }

  #observe(operation: Operation, status: OperationRecord['status'], startedMs: number): void {
    const seconds = (this.#options.clock.monotonicMs() - startedMs) / 1000;
    this.#options.observe?.({ ...metricLabels(operation), status, seconds });
  }
}

function keyFor(name: UniqueVolumeName, operation: Operation): string {
  return `${name} ${operationKey(operation)}`;
}

/**
 * The state after a failed mount (upstream operation_generator.go markDeviceErrorState, markVolumeErrorState): a final error means
 * nothing is there, unless an earlier process may have left something.
 */
function after(
  outcome: VolumeError['code'],
  before: { state: MountState; reconstructed: boolean } | undefined,
): MountState {
  if (outcome === 'Uncertain') return 'uncertain';
  if (outcome === 'Transient') return before?.state ?? 'absent';
  return before?.reconstructed ? 'uncertain' : 'absent';
}

/** @throws VolumeError – another pod of this node has the volume, whose PV lets only one have it. */
function refuseSecondPod(spec: VolumeSpec, pods: Iterable<string>): void {
  if (!spec.pv?.spec?.accessModes?.includes('ReadWriteOncePod')) return;
  for (const uid of pods) {
    if (uid === spec.podUid) continue;
    const words = 'volume uses the ReadWriteOncePod access mode and is already in use by another pod';
    throw new VolumeError('Transient', words);
  }
}
