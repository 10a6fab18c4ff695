import { lstatSync, statSync } from 'node:fs';
import {
  cloneFile,
  copySparse,
  createFileAt,
  type Fd,
  fileExtents,
  holdsData,
  isErrno,
  openFileAt,
  punchHole,
  reserveSpace,
  setFileSize,
  syncFile,
  unshareSpace,
} from '@berth/linux';
import { grpcError } from '@berth/protos';
import type { CopiedBy, Stored, VolumeSpec } from '../backend.ts';
import type { Pool, PoolFolder } from '../pool.ts';

export interface ImageCopy {
  readonly from: Stored;
  readonly to: Stored;
  /** The size the copy is to have; at least the source's. Absent for the source's own. */
  readonly sizeBytes?: number;
  /** Shares no blocks: a shared one needs new room when it is written to. */
  readonly reserved: boolean;
  /** False where only a copy in one step is a true one: the source is being written to. */
  readonly mayTakeLong: boolean;
  readonly signal: AbortSignal | undefined;
  /** What the copy says of itself. */
  readonly record: Uint8Array | undefined;
}

/** The files images are: `POOL/images/ID`, and `POOL/image-snapshots/ID`. */
export class ImageFiles {
  readonly #pool: Pool;
  readonly #images: PoolFolder;
  readonly #snapshots: PoolFolder;

  constructor(pool: Pool) {
    this.#pool = pool;
    this.#images = pool.folder('images');
    this.#snapshots = pool.folder('image-snapshots');
  }

  /** The directory with the images of volumes. */
  get images(): Fd {
    return this.#images.fd;
  }

  async create({ id, capacityBytes: sizeBytes, record }: VolumeSpec, reserved: boolean): Promise<void> {
    await this.#pool.add(this.#images, id, async (fresh, name) => {
      using file = createFileAt(fresh, name, 0o600);
      await setFileSize(file, sizeBytes);
      if (reserved) await reserveSpace(file, 0, sizeBytes);
      this.#pool.records.put(fresh, name, record);
      await syncFile(file);
    });
  }

  /** What an earlier try left is thrown away: nobody has seen it. */
  async copy({ from, to, sizeBytes, reserved, mayTakeLong, signal, record }: ImageCopy): Promise<CopiedBy> {
    using source = openFileAt(this.#folder(from).fd, from.id, 'read');
    const folder = this.#folder(to);
    await this.#pool.discard(folder, to.id);
    using target = createFileAt(folder.fd, to.id, 0o600);
    const size = statSync(source.path).size;
    const shared = !reserved && (await cloneFile(source, target));
    if (!shared) {
      if (!mayTakeLong) throw inUse(from.id);
      await copySparse(source, target, size, signal);
    }
    const full = Math.max(size, sizeBytes ?? 0);
    await setFileSize(target, full);
    if (reserved) await reserveSpace(target, 0, full);
    this.#pool.records.put(folder.fd, to.id, record);
    await syncFile(target);
    await folder.sync();
    return shared ? 'reflink' : 'copy';
  }

  /** Never makes it smaller: a crash may have come after the growth and before the catalog knew. */
  async grow(id: string, sizeBytes: number, reserved: boolean): Promise<void> {
    using file = openFileAt(this.#images.fd, id, 'write');
    if (statSync(file.path).size < sizeBytes) await setFileSize(file, sizeBytes);
    if (reserved) await reserveSpace(file, 0, sizeBytes);
    await syncFile(file);
  }

  /**
   * Gives every byte of an image that is there already its room.
   * @throws GrpcError FAILED_PRECONDITION – it shares blocks with snapshots or clones, and the filesystem cannot part them.
   */
  async reserve(id: string): Promise<void> {
    using file = openFileAt(this.#images.fd, id, 'write');
    const { size } = statSync(file.path);
    if (await sharesBlocks(file, size)) await part(file, id, size);
    await reserveSpace(file, 0, size);
    await syncFile(file);
  }

  /** Makes the image of a volume read as zeros again, with the size and the room it has. */
  async blank(id: string, reserved: boolean): Promise<void> {
    using file = openFileAt(this.#images.fd, id, 'write');
    const { size } = statSync(file.path);
    await punchHole(file, 0, size);
    if (reserved) await reserveSpace(file, 0, size);
    await syncFile(file);
  }

  /** @throws KernelError ENOENT – its data is not there. */
  openSnapshot(id: string): Fd {
    return openFileAt(this.#snapshots.fd, id, 'read');
  }

  async delete(stored: Stored): Promise<void> {
    await this.#pool.discard(this.#folder(stored), stored.id);
  }

  /** @returns false where something was written to the image. */
  async deleteUnused(stored: Stored): Promise<boolean> {
    {
      using file = openFileAt(this.#folder(stored).fd, stored.id, 'read');
      if (holdsData(file)) return false;
    }
    await this.delete(stored);
    return true;
  }

  putRecord(stored: Stored, record: Uint8Array): void {
    this.#pool.records.put(this.#folder(stored).fd, stored.id, record);
  }

  /** What the image of a volume takes on the disk; undefined where there is none. */
  usedBytes(id: string): number | undefined {
    const stat = lstatSync(`${this.#images.fd.path}/${id}`, { throwIfNoEntry: false });
    return stat && stat.blocks * 512;
  }

  present(): Stored[] {
    const volumes = this.#images.list().map((id): Stored => ({ kind: 'volume', id }));
    return [...volumes, ...this.#snapshots.list().map((id): Stored => ({ kind: 'snapshot', id }))];
  }

  #folder({ kind }: Stored): PoolFolder {
    return kind === 'volume' ? this.#images : this.#snapshots;
  }
}

async function sharesBlocks(file: Fd, size: number): Promise<boolean> {
  try {
    for await (const { shared } of fileExtents(file, { start: 0, end: size })) if (shared) return true;
    return false;
  } catch (error) {
    // A filesystem that does not tell extents shares none.
    if (isErrno(error, 'EOPNOTSUPP', 'ENOTTY')) return false;
    throw error;
  }
}

async function part(file: Fd, id: string, size: number): Promise<void> {
  try {
    await unshareSpace(file, 0, size);
  } catch (error) {
    if (!isErrno(error, 'EOPNOTSUPP', 'EINVAL')) throw error;
    throw grpcError(
      'FAILED_PRECONDITION',
      `volume "${id}" shares blocks with snapshots or clones, and the pool's filesystem cannot part them: ` +
        'delete those first, or clone the volume with "provisioning" = "reserved"',
    );
  }
}

function inUse(id: string): Error {
  return grpcError(
    'FAILED_PRECONDITION',
    `volume "${id}" is in use as a block device, and the pool's filesystem cannot copy it in one step; ` +
      'unpublish and unstage it first, or put the pool on xfs or btrfs',
  );
}
