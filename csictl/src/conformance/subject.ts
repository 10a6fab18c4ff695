import { closeSync, constants, existsSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Clock, Rng } from '@berth/kit';
import { asGrpcError, type csi, type Init } from '@berth/protos';
import type { TrackedDriver } from '../trial/tracked-driver.ts';
import type { TrialFolder } from '../trial/trial-folder.ts';
import type { TrialVolumes } from '../trial/trial-options.ts';
import { fail, type Need } from './check.ts';

export interface SubjectOptions {
  readonly driver: TrackedDriver;
  readonly volumes: TrialVolumes;
  /** `controller:CLONE_VOLUME`, … */
  readonly capabilities: ReadonlySet<string>;
  readonly folder: TrialFolder;
  readonly nodeInfo: csi.NodeGetInfoResponse | undefined;
  readonly rng: Rng;
  readonly clock: Clock;
}

/** A volume that was staged for one node. */
export interface Staged {
  readonly volume: csi.Volume;
  readonly stagingTargetPath: string;
  readonly publishContext: Readonly<Record<string, string>>;
  readonly volumeCapability: Init<csi.VolumeCapability>;
}

/** Ten seconds of ABORTED are more than an operation that ends. */
const mostAttempts = 200;

type Mode = csi.VolumeCapabilityAccessModeMode;

/** The driver under examination, for one check: everything made through it is taken back after the check. */
export class Subject {
  readonly volumes: TrialVolumes;
  readonly folder: TrialFolder;
  readonly identity;
  readonly controller;
  readonly group;
  readonly metadata;
  readonly node;
  readonly #options: SubjectOptions;

  constructor(options: SubjectOptions) {
    this.#options = options;
    this.volumes = options.volumes;
    this.folder = options.folder;
    ({ identity: this.identity, controller: this.controller, node: this.node } = options.driver);
    ({ group: this.group, metadata: this.metadata } = options.driver);
  }

  has(need: Need): boolean {
    return this.#options.capabilities.has(need);
  }

  /** A name that no other check or run uses. */
  name(hint = 'volume'): string {
    return `csictl-${hint}-${this.#options.rng.uuid()}`;
  }

  /** Lets the driver get on with what it is at. */
  pause(ms: number): Promise<void> {
    return this.#options.clock.sleep(ms);
  }

  /** The run's capability, in another access mode where asked. */
  capability(mode?: Mode): Init<csi.VolumeCapability> {
    const capability = this.volumes.capability as Init<csi.VolumeCapability>;
    return mode ? { ...capability, accessMode: { mode } } : capability;
  }

  /** A request for a volume of the run's class. */
  request(part: Init<csi.CreateVolumeRequest> = {}): Init<csi.CreateVolumeRequest> {
    const { parameters, sizeBytes } = this.volumes;
    return {
      name: this.name(),
      volumeCapabilities: [this.capability()],
      parameters,
      capacityRange: { requiredBytes: String(sizeBytes), limitBytes: '0' },
      ...this.#topology(),
      ...part,
    };
  }

  /** The place of this node, where volumes have one: another could not be mounted here. */
  #topology(): Init<csi.CreateVolumeRequest> {
    const segments = this.#options.nodeInfo?.accessibleTopology?.segments;
    if (!segments || !this.has('plugin:VOLUME_ACCESSIBILITY_CONSTRAINTS')) return {};
    return { accessibilityRequirements: { requisite: [{ segments }], preferred: [{ segments }] } };
  }

  /** As a CO calls: ABORTED is for now, and the call is given again (CSI spec, "Error Scheme"). */
  async #patiently<T>(call: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await call();
      } catch (error) {
        if (asGrpcError(error).code !== 'ABORTED' || attempt >= mostAttempts) throw error;
        await this.pause(50);
      }
    }
  }

  async create(part: Init<csi.CreateVolumeRequest> = {}): Promise<csi.Volume> {
    const request = this.request(part);
    const { volume } = await this.#patiently(() => this.controller.CreateVolume(request));
    return volume ?? fail('CreateVolume answers OK without a volume');
  }

  /** A snapshot that can be used. */
  async snapshot(sourceVolumeId: string, name = this.name('snapshot')): Promise<csi.Snapshot> {
    for (let attempt = 0; attempt < 50; attempt++) {
      const { snapshot } = await this.#patiently(() => this.controller.CreateSnapshot({ sourceVolumeId, name }));
      if (!snapshot) fail('CreateSnapshot answers OK without a snapshot');
      if (snapshot.readyToUse) return snapshot;
      await this.pause(200);
    }
    return fail('a snapshot is not ready to use after 50 calls');
  }

  /** Attaches where the driver wants it, and stages where it wants that. */
  async stage(volume: csi.Volume, mode?: Mode): Promise<Staged> {
    const volumeCapability = this.capability(mode);
    const { volumeId, volumeContext } = volume;
    const { nodeId } = this;
    const { publishContext } = this.has('controller:PUBLISH_UNPUBLISH_VOLUME')
      ? await this.controller.ControllerPublishVolume({ volumeId, nodeId, volumeCapability, volumeContext })
      : { publishContext: {} };
    const stagingTargetPath = this.has('node:STAGE_UNSTAGE_VOLUME') ? this.folder.directory('stage') : '';
    const staged = { volume, stagingTargetPath, publishContext, volumeCapability };
    if (stagingTargetPath !== '') await this.#patiently(() => this.node.NodeStageVolume(this.stageRequest(staged)));
    return staged;
  }

  stageRequest({ volume, ...staged }: Staged): Init<csi.NodeStageVolumeRequest> {
    return { ...staged, volumeId: volume.volumeId, volumeContext: volume.volumeContext };
  }

  publishRequest(
    { volume, ...staged }: Staged,
    targetPath: string,
    isReadonly = false,
  ): Init<csi.NodePublishVolumeRequest> {
    const { volumeId, volumeContext } = volume;
    return { ...staged, volumeId, volumeContext, targetPath, readonly: isReadonly };
  }

  /** Publishes at a new path, whose parent is there, and gives the path. */
  async publish(staged: Staged, isReadonly = false): Promise<string> {
    const targetPath = join(this.folder.directory('pod'), 'target');
    await this.#patiently(() => this.node.NodePublishVolume(this.publishRequest(staged, targetPath, isReadonly)));
    if (!existsSync(targetPath)) fail(`NodePublishVolume did not make the target path ${targetPath}`);
    return targetPath;
  }

  async unpublish({ volume }: Staged, targetPath: string): Promise<void> {
    await this.node.NodeUnpublishVolume({ volumeId: volume.volumeId, targetPath });
  }

  async unstage({ volume, stagingTargetPath }: Staged): Promise<void> {
    if (stagingTargetPath !== '') await this.node.NodeUnstageVolume({ volumeId: volume.volumeId, stagingTargetPath });
  }

  /** A volume staged and published, ready to be written to. */
  async mounted(part: Init<csi.CreateVolumeRequest> = {}): Promise<{ staged: Staged; target: string }> {
    const staged = await this.stage(await this.create(part));
    return { staged, target: await this.publish(staged) };
  }

  /** Where content goes: a file of a filesystem, or the device itself. */
  contentPath(target: string): string {
    return this.volumes.capability.block ? target : join(target, 'content');
  }

  /** The driver's own id of this node. */
  get nodeId(): string {
    return this.#options.nodeInfo?.nodeId ?? '';
  }

  /** Writes 64 KiB that the next reader must find, wherever it is mounted. */
  writeContent(target: string, seed: number): void {
    const { O_CREAT, O_WRONLY, O_SYNC } = constants;
    const path = this.contentPath(target);
    mkdirSync(dirname(path), { recursive: true });
    const file = openSync(path, (this.volumes.capability.block ? 0 : O_CREAT) | O_WRONLY | O_SYNC, 0o600);
    try {
      writeSync(file, Buffer.alloc(64 * 1024, seed), 0, 64 * 1024, 0);
    } finally {
      closeSync(file);
    }
  }

  /** @throws CheckFailed – something else is there. */
  expectContent(what: string, target: string, seed: number): void {
    const file = openSync(this.contentPath(target), 'r');
    try {
      const bytes = Buffer.alloc(64 * 1024);
      readSync(file, bytes, 0, bytes.length, 0);
      if (!bytes.equals(Buffer.alloc(bytes.length, seed))) fail(`${what} does not hold what it should`);
    } finally {
      closeSync(file);
    }
  }
}
