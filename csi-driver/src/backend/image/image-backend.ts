import type { Clock } from '@berth/kit';
import { type Mounter, openFileAt } from '@berth/linux';
import { grpcError } from '@berth/protos';
import type {
  Backend,
  CopiedBy,
  HealthFinding,
  PoolCapacity,
  SnapshotBlocks,
  Stillness,
  Stored,
  VolumeSpec,
} from '../backend.ts';
import type { Pool } from '../pool.ts';
import type { Commitment } from '../pool-ledger.ts';
import { Filesystems } from './filesystem.ts';
import { loopUser } from './foreign-mount.ts';
import { imageBlocks } from './image-blocks.ts';
import { ImageFiles } from './image-files.ts';
import { imageInspector } from './image-inspector.ts';
import { ImageLoops } from './image-loops.ts';
import { ImageNode } from './image-node.ts';
import { imageOffer, isReserved } from './image-offer.ts';
import { programRunner } from './run-program.ts';
import { readSuperblock } from './superblock.ts';

export interface ImageBackendOptions {
  readonly pool: Pool;
  readonly mounter: Mounter;
  readonly clock: Clock;
}

/** A device that was detached is gone at once, or when its last user closes it: looked for this often before it is called busy. */
const detachTries = 40;
const detachWaitMs = 25;

/** A sparse file a volume, shown as a loop device: hard sizes, block volumes, snapshots of whole images. */
export class ImageBackend implements Backend {
  readonly name = 'image';
  readonly enforcesSize = true;
  readonly nodeExpansion = true;
  readonly createsWhole = true;
  readonly offer = imageOffer;
  readonly node: ImageNode;
  readonly blocks: SnapshotBlocks;
  readonly #pool: Pool;
  readonly #clock: Clock;
  readonly #files: ImageFiles;
  readonly #loops: ImageLoops;
  readonly #filesystems: Filesystems;

  constructor({ pool, mounter, clock }: ImageBackendOptions) {
    this.#pool = pool;
    this.#clock = clock;
    this.#files = new ImageFiles(pool);
    this.blocks = imageBlocks(this.#files);
    this.#loops = new ImageLoops(this.#files.images);
    this.#filesystems = new Filesystems(programRunner(clock));
    this.node = new ImageNode({ files: this.#files, loops: this.#loops, filesystems: this.#filesystems, mounter });
  }

  async create(volume: VolumeSpec, from?: Stored, signal?: AbortSignal): Promise<CopiedBy | undefined> {
    const { id, capacityBytes, parameters, record } = volume;
    const reserved = isReserved(parameters);
    if (!from) {
      await this.#files.create(volume, reserved);
      return undefined;
    }
    const to: Stored = { kind: 'volume', id };
    const copy = (mayTakeLong: boolean) =>
      this.#files.copy({ from, to, sizeBytes: capacityBytes, reserved, mayTakeLong, signal, record });
    const copiedBy = from.kind === 'volume' ? await this.node.quietly(from.id, copy) : await copy(true);
    await this.#renew(id);
    return copiedBy;
  }

  async snapshot(snapshotId: string, volume: VolumeSpec, signal: AbortSignal): Promise<CopiedBy> {
    const from: Stored = { kind: 'volume', id: volume.id };
    const to: Stored = { kind: 'snapshot', id: snapshotId };
    // A reserved volume shares no blocks with its snapshot either: its next writes would need new room.
    const reserved = isReserved(volume.parameters);
    return await this.node.quietly(volume.id, (mayTakeLong) =>
      this.#files.copy({ from, to, reserved, mayTakeLong, signal, record: volume.record }),
    );
  }

  stillness(id: string): Stillness {
    return this.node.stillness(id);
  }

  stop(id: string): Promise<AsyncDisposable> {
    return this.node.stop(id);
  }

  inspector(): (volume: VolumeSpec) => HealthFinding[] {
    return imageInspector({ images: this.#files.images, mounts: this.node.filesystemMounts() });
  }

  async delete(stored: Stored): Promise<void> {
    if (stored.kind === 'volume') await this.#detach(stored.id);
    await this.#files.delete(stored);
  }

  async expand({ id, capacityBytes, parameters }: VolumeSpec): Promise<void> {
    await this.#files.grow(id, capacityBytes, isReserved(parameters));
  }

  /** From reserved to thin, the room it has stays its own until it is discarded; only the promise ends. */
  async modify({ id, parameters }: VolumeSpec, before: VolumeSpec): Promise<void> {
    if (isReserved(parameters) && !isReserved(before.parameters)) await this.#files.reserve(id);
  }

  commitment(parameters: VolumeSpec['parameters']): Commitment {
    return isReserved(parameters) ? 'full' : 'thin';
  }

  putRecord(stored: Stored, record: Uint8Array): void {
    this.#files.putRecord(stored, record);
  }

  usedBytes(id: string): number | undefined {
    return this.#files.usedBytes(id);
  }

  capacity(): Promise<PoolCapacity> {
    return this.#pool.capacity();
  }

  async removeUnused(stored: Stored): Promise<boolean> {
    return stored.kind === 'volume' && (await this.#files.deleteUnused(stored));
  }

  present(): Stored[] {
    return this.#files.present();
  }

  async #renew(id: string): Promise<void> {
    using file = openFileAt(this.#files.images, id, 'read');
    if (readSuperblock(file)?.fsType === 'btrfs') await this.#filesystems.renew(`${this.#pool.path}/images/${id}`);
  }

  /** @throws GrpcError FAILED_PRECONDITION – a process has the device open; nothing was deleted. */
  async #detach(id: string): Promise<void> {
    for (let tries = 0; ; tries++) {
      const attached = this.#loops.all(id);
      if (attached.length === 0) return;
      await this.#loops.release(id);
      if (tries >= detachTries) {
        throw grpcError('FAILED_PRECONDITION', `volume "${id}" is still in use: ${loopUser(attached[0]!)}`);
      }
      if (this.#loops.all(id).length > 0) await this.#clock.sleep(detachWaitMs);
    }
  }
}
