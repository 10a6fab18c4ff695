import { join } from 'node:path';
import { deadline } from '@berth/kit';
import { type Pod, resources } from '@berth/kube';
import type { ActualPodVolume } from './actual-world/actual-volume.ts';
import { ActualWorld } from './actual-world/actual-world.ts';
import { countVolumes } from './count-volumes.ts';
import { Attachments } from './desired-world/attachments.ts';
import { DesiredWorld } from './desired-world/desired-world.ts';
import type { Lookups } from './desired-world/lookups.ts';
import { podVolumeUses } from './desired-world/pod-volume-uses.ts';
import { DrainingDevices } from './draining-devices.ts';
import { Executor } from './executor/executor.ts';
import { Layout } from './kubelet-dir/layout.ts';
import { buildPlugins } from './plugins/build-plugins.ts';
import { showsPodFields } from './plugins/content/content-references.ts';
import type { VolumePlugin } from './plugins/volume-plugin.ts';
import { PodWaiters } from './pod-waiters.ts';
import { probeFilesystem } from './probe-filesystem.ts';
import { Reconciler } from './reconcile/reconciler.ts';
import { reconstruct } from './reconstruct/reconstruct.ts';
import { removePodDirectories } from './reconstruct/remove-pod-directories.ts';
import { volumeSources } from './reconstruct/volume-sources.ts';
import { RefreshTimers } from './refresh-timers.ts';
import type { VolumeManagerOptions } from './start-volume-manager.ts';
import { cleanSubPaths } from './sub-path/clean-sub-paths.ts';
import { containerVolumes } from './sub-path/container-volumes.ts';
import { unmountedMessage } from './unmounted-message.ts';
import { ServiceAccountTokens } from './volume-files/service-account-tokens.ts';
import type { MountedVolume, VolumeManager, VolumeTotal } from './volume-manager.ts';
import { type UniqueVolumeName, uidOf, type VolumeSpec } from './volume-spec.ts';
import { VolumesInUse } from './volumes-in-use.ts';
import { type Dependencies, watchDependencies } from './watch-dependencies.ts';

/** Kubelet's podAttachAndMountTimeout. */
const mountDeadlineMs = 123_000;

/** The volumes of one node: the desired and the actual world, and what brings them together. */
export class NodeVolumes implements VolumeManager {
  readonly #options: VolumeManagerOptions;
  readonly #layout: Layout;
  readonly #actual = new ActualWorld((name, podUid) => this.#actualChanged(name, podUid));
  readonly #desired: DesiredWorld;
  readonly #attachments: Attachments;
  readonly #plugins: ReadonlyMap<string, VolumePlugin>;
  readonly #executor: Executor;
  readonly #reconciler: Reconciler;
  readonly #tokens: ServiceAccountTokens;
  readonly #refreshes: RefreshTimers;
  readonly #inUse: VolumesInUse;
  readonly #waiters = new PodWaiters();
  readonly #draining = new DrainingDevices();
  /** Directories of ended pods being removed. */
  readonly #sweeps = new Map<string, Promise<void>>();
  readonly #stop = new AbortController();
  #dependencies: Dependencies | undefined;
  #mayUnmount = false;
  /** Pods that were told of before every source was seen. */
  readonly #told = new Set<string>();
  /** Pods that were not, and may be using what is mounted. */
  readonly #undecided = new Set<string>();

  constructor(options: VolumeManagerOptions, signal: AbortSignal) {
    const { clock, log, events, client, informers, nodeName } = options;
    const stopped = AbortSignal.any([signal, this.#stop.signal]);
    this.#options = options;
    this.#layout = new Layout(options.kubeletDir);
    this.#desired = new DesiredWorld(this.#lookups(), (names, podUid) => this.#desiredChanged(names, podUid));
    this.#attachments = new Attachments(nodeName, informers);
    this.#tokens = new ServiceAccountTokens(client, clock);
    this.#inUse = new VolumesInUse(() => options.onVolumesInUseChange?.());
    this.#refreshes = new RefreshTimers(clock, (name, podUid) => this.#actual.requireRefresh(name, podUid));
    const parts = { options, layout: this.#layout, attachments: this.#attachments, tokens: this.#tokens };
    this.#plugins = buildPlugins(parts);
    this.#executor = new Executor({
      plugins: this.#plugins,
      actual: this.#actual,
      clock,
      log,
      events,
      observe: options.observe,
      onRefreshDue: (name, podUid, afterMs) => this.#refreshes.arm(name, podUid, afterMs),
      cleanSubPaths: (actual) => this.#cleanSubPaths(actual),
    });
    this.#reconciler = new Reconciler({
      clock,
      executor: this.#executor,
      desired: (name) => this.#desiredVolume(name),
      actual: (name) => this.#actual.get(name),
      signal: stopped,
    });
  }

  /** Reads the disk and follows the API; before it nothing else may be called. */
  async start(signal: AbortSignal): Promise<void> {
    const { informers, csi } = this.#options;
    const types = [resources.persistentvolumeclaims, resources.persistentvolumes, resources.csidrivers];
    await Promise.all(types.map((type) => informers.of<never>(type as never).whenSynced(signal)));
    await reconstruct({
      layout: this.#layout,
      actual: this.#actual,
      log: this.#options.log,
      ...volumeSources(informers.of(resources.persistentvolumes), this.#layout),
    });
    this.#dependencies = watchDependencies(informers, csi, {
      dependencyChanged: (kind, key) => this.#desired.dependencyChanged(kind, key),
      driverChanged: (driver) => this.#retryDriver(driver),
      attachmentChanged: (pvName) => this.#attachmentChanged(pvName),
      contentChanged: (specs) => this.#refresh(specs),
    });
  }

  totals(): readonly VolumeTotal[] {
    return countVolumes(this.#actual, this.#desired);
  }

  setPod(pod: Pod): void {
    const uid = uidOf(pod);
    this.#decide(uid);
    const before = [...this.#desired.specsOf(uid).values()];
    this.#desired.setPod(pod);
    if (before[0] && !samePodFields(before[0].pod, pod)) {
      this.#refresh(before.filter((spec) => showsPodFields(spec.volume)));
    }
  }

  removePod(uid: string): void {
    this.#decide(uid);
    const wanted = [...this.#desired.specsOf(uid).values()].map(({ uniqueName }) => uniqueName);
    this.#desired.removePod(uid);
    // Staged, or being staged, for this pod, which it never got: it goes too before the pod does.
    for (const name of wanted) if (this.#isAbandoned(name)) this.#draining.add(name, uid);
    this.#tokens.forgetPod(uid);
    // What could not be resolved is in no spec, but may be mounted.
    for (const name of this.#actual.volumesOfPod(uid)) this.#reconciler.kick(name);
  }

  podsSynced(undecided: Iterable<string> = []): void {
    for (const uid of undecided) if (!this.#told.has(uid)) this.#undecided.add(uid);
    this.#told.clear();
    this.#mayUnmount = true;
    for (const name of this.#actual.names()) this.#reconciler.kick(name);
  }

  async waitForMount(pod: Pod, signal: AbortSignal): Promise<ReadonlyMap<string, MountedVolume>> {
    const uid = uidOf(pod);
    using limit = deadline(this.#options.clock, mountDeadlineMs, signal);
    try {
      await this.#waiters.until(uid, () => this.#unmounted(pod).length === 0, limit.signal);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw new Error(this.#whyUnmounted(pod), { cause: error });
    }
    return new Map([...this.#mountedVolumes(uid)].map(([name, { mounted }]) => [name, mounted]));
  }

  async waitForUnmount(uid: string, signal: AbortSignal): Promise<void> {
    const isGone = () => this.#actual.volumesOfPod(uid).size === 0 && !this.#draining.has(uid);
    await this.#waiters.until(uid, isGone, signal);
    this.#sweep(uid);
    await this.#sweeps.get(uid);
  }

  async containerVolumes(pod: Pod, containerName: string, env?: Readonly<Record<string, string>>) {
    const { mounter, log, clock } = this.#options;
    const volumes = this.#mountedVolumes(uidOf(pod));
    for (const { mounted } of volumes.values()) {
      if (mounted.kind === 'filesystem') await probeFilesystem(mounter, clock, mounted.hostPath);
    }
    return await containerVolumes({ layout: this.#layout, mounter, clock, log, pod, containerName, env, volumes });
  }

  volumesInUse(): readonly string[] {
    return this.#inUse.list();
  }

  nodeStatusChanged(
    volumesAttached: readonly { readonly name: string; readonly devicePath: string }[],
    volumesInUse?: readonly string[],
  ): void {
    const attached = volumesAttached.map(({ name }) => name);
    for (const name of this.#attachments.nodeStatus(attached, volumesInUse)) this.#reconciler.kick(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#dependencies?.[Symbol.dispose]();
    this.#refreshes[Symbol.dispose]();
    await this.#reconciler[Symbol.asyncDispose]();
    await Promise.all(this.#sweeps.values());
  }

  #decide(uid: string): void {
    if (!this.#mayUnmount) this.#told.add(uid);
    this.#undecided.delete(uid);
  }

  /** Staged here, for nobody any more. */
  #isAbandoned(name: UniqueVolumeName): boolean {
    const volume = this.#actual.get(name);
    return volume?.device !== undefined && volume.pods.size === 0 && this.#desired.podsOf(name).size === 0;
  }

  #lookups(): Lookups {
    const { informers } = this.#options;
    return {
      claim: (namespace, name) => informers.of(resources.persistentvolumeclaims).get(`${namespace}/${name}`),
      volume: (name) => informers.of(resources.persistentvolumes).get(name),
      driver: (name) => {
        const drivers = informers.of(resources.csidrivers);
        return drivers.synced ? drivers.get(name) : 'unknown';
      },
      isInUse: (podUid, pvName) =>
        [...this.#actual.volumesOfPod(podUid)].some(
          (name) => this.#actual.podVolume(name, podUid)?.specName === pvName,
        ),
    };
  }

  #desiredVolume(name: UniqueVolumeName) {
    const pods = this.#desired.podsOf(name);
    const [first] = pods.values();
    return {
      pods,
      mayUnmount: this.#mayUnmount,
      isHeld: (podUid: string) => this.#undecided.has(podUid) || this.#desired.problemsOf(podUid).size > 0,
      isAttached: first === undefined || this.#attachments.isAttached(first),
    };
  }

  #desiredChanged(names: ReadonlySet<UniqueVolumeName>, podUid: string): void {
    this.#dependencies?.setContent(podUid, this.#desired.specsOf(podUid).values());
    for (const name of names) this.#volumeChanged(name);
    for (const name of this.#actual.volumesOfPod(podUid)) if (!names.has(name)) this.#volumeChanged(name);
    this.#waiters.wake(podUid);
  }

  #actualChanged(name: UniqueVolumeName, podUid: string | undefined): void {
    if (podUid !== undefined && !this.#actual.podVolume(name, podUid)) {
      this.#refreshes.disarm(name, podUid);
      // Where another pod wants it, it is taken back at once.
      const volume = this.#actual.get(name);
      if (volume?.device && volume.pods.size === 0) this.#draining.add(name, podUid);
    }
    this.#volumeChanged(name);
    if (podUid === undefined) return;
    this.#waiters.wake(podUid);
    this.#sweep(podUid);
  }

  /** Nobody wants the pod's volumes and nothing of them is left: their empty directories go too. */
  #sweep(podUid: string): void {
    if (this.#desired.hasPod(podUid) || this.#actual.volumesOfPod(podUid).size > 0 || this.#sweeps.has(podUid)) return;
    const sweep = removePodDirectories(this.#layout, podUid)
      .catch((error: unknown) => this.#options.log.warn('directories of a pod are left', { podUid, error }))
      .finally(() => this.#sweeps.delete(podUid));
    this.#sweeps.set(podUid, sweep);
  }

  #volumeChanged(name: UniqueVolumeName): void {
    const [first] = this.#desired.podsOf(name).values();
    const used = first !== undefined || this.#actual.get(name) !== undefined;
    if (first !== undefined || !this.#actual.get(name)?.device) {
      for (const podUid of this.#draining.remove(name)) this.#waiters.wake(podUid);
    }
    this.#inUse.set(name, used && (first?.attachable ?? this.#wasAttachable(name)));
    this.#reconciler.kick(name);
  }

  /** Nobody wants it any more, but what is here of it may still need the attachment. */
  #wasAttachable(name: UniqueVolumeName): boolean {
    const driver = this.#actual.get(name)?.device?.driver;
    if (driver === undefined) return false;
    return this.#options.informers.of(resources.csidrivers).get(driver)?.spec?.attachRequired ?? true;
  }

  #retryDriver(driver: string): void {
    const names = new Set([...this.#desired.volumeNames(), ...this.#actual.names()]);
    for (const name of names) {
      // An inline volume's name does not tell its driver.
      const inline = name.startsWith('kubernetes.io/csi/') && !name.includes('^');
      if (!inline && !name.startsWith(`kubernetes.io/csi/${driver}^`)) continue;
      this.#executor.forgive(name);
      this.#reconciler.kick(name);
    }
  }

  #attachmentChanged(pvName: string): void {
    const source = this.#options.informers.of(resources.persistentvolumes).get(pvName)?.spec?.csi;
    if (source) this.#reconciler.kick(`kubernetes.io/csi/${source.driver}^${source.volumeHandle}`);
  }

  /** What a volume shows, or failed for the lack of, has changed. */
  #refresh(specs: readonly VolumeSpec[]): void {
    for (const { uniqueName, podUid, plugin } of specs) {
      this.#executor.forgive(uniqueName);
      if (plugin !== 'kubernetes.io/csi') this.#actual.requireRefresh(uniqueName, podUid);
      this.#reconciler.kick(uniqueName);
    }
  }

  #cleanSubPaths({ podUid, specName }: ActualPodVolume): void {
    cleanSubPaths(this.#options.mounter, join(this.#layout.subPaths(podUid), specName));
  }

  #unmounted(pod: Pod): string[] {
    const uid = uidOf(pod);
    const { mounts, devices } = podVolumeUses(pod);
    const specs = this.#desired.specsOf(uid);
    return [...mounts.union(devices)].filter((name) => {
      const spec = specs.get(name);
      return !spec || this.#actual.podVolume(spec.uniqueName, uid)?.state !== 'done';
    });
  }

  #whyUnmounted(pod: Pod): string {
    const specs = this.#desired.specsOf(uidOf(pod));
    const unmounted = this.#unmounted(pod);
    const unattached = unmounted.filter((name) => {
      const spec = specs.get(name);
      return spec !== undefined && !this.#attachments.isAttached(spec);
    });
    return unmountedMessage({ unmounted, unattached, problems: this.#desired.problemsOf(uidOf(pod)) });
  }

  #mountedVolumes(uid: string): Map<string, { spec: VolumeSpec; mounted: MountedVolume }> {
    const found = new Map<string, { spec: VolumeSpec; mounted: MountedVolume }>();
    for (const [name, spec] of this.#desired.specsOf(uid)) {
      const plugin = this.#plugins.get(spec.plugin);
      if (!plugin || this.#actual.podVolume(spec.uniqueName, uid)?.state !== 'done') continue;
      const readOnly = spec.readOnly || plugin.alwaysReadOnly === true;
      const path = plugin.hostPath(spec);
      const mounted: MountedVolume =
        spec.mode === 'Block'
          ? { kind: 'block', devicePath: path, readOnly }
          : { kind: 'filesystem', hostPath: path, readOnly };
      found.set(name, { spec, mounted });
    }
    return found;
  }
}

function samePodFields(a: Pod, b: Pod): boolean {
  const fields = ({ metadata: { labels, annotations } }: Pod) => JSON.stringify([labels, annotations]);
  return fields(a) === fields(b);
}
