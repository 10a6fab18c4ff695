import { execFileSync } from 'node:child_process';
import { constants, copyFileSync, mkdirSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attachLoop, Fd, linuxMounter, loopPath } from '@berth/linux';
import type { NamedPool } from './in-process-driver.ts';
import { lifePlace } from './life-place.ts';

export type DataFs = 'ext4' | 'xfs' | 'btrfs';

const MiB = 1024 ** 2;
const disks = ['catalog', 'data'] as const;

/** What the two disks hold at a moment. */
export interface DiskState extends Disposable {
  readonly folder: string;
}

/**
 * Two disks of a machine whose power can be cut: one with the catalog, one with the data, so that no fsync of the one
 * writes what was forgotten on the other. Each is a file that shares blocks; a copy of it holds what has come to the disk
 * at this moment, and nothing of what the kernel still keeps in memory.
 */
export class PowerDisks implements Disposable {
  readonly folder: string;
  readonly #vault: string;
  readonly #dataFs: DataFs;
  readonly #stack: DisposableStack;
  #states = 0;

  private constructor(folder: string, vault: string, { dataFs, stack }: { dataFs: DataFs; stack: DisposableStack }) {
    this.folder = folder;
    this.#vault = vault;
    this.#dataFs = dataFs;
    this.#stack = stack;
  }

  static async make(dataFs: DataFs): Promise<PowerDisks> {
    using stack = new DisposableStack();
    const place = stack.use(await lifePlace('xfs', 4096));
    for (const disk of disks) {
      const file = join(place.pool, `${disk}.img`);
      writeFileSync(file, '');
      truncateSync(file, (disk === 'catalog' ? 64 : 1024) * MiB);
      execFileSync(`mkfs.${disk === 'catalog' ? 'ext4' : dataFs}`, ['-q', file]);
    }
    return new PowerDisks(place.folder, place.pool, { dataFs, stack: stack.move() });
  }

  /** The disks as they are now: takes no time, and runs nothing else meanwhile. */
  state(): DiskState {
    const folder = join(this.#vault, `state-${this.#states++}`);
    mkdirSync(folder);
    for (const disk of disks) {
      const file = `${disk}.img`;
      copyFileSync(join(this.#vault, file), join(folder, file), constants.COPYFILE_FICLONE_FORCE);
    }
    return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
  }

  /** The disks, or a state of them, with their filesystems mounted: whatever a power cut left is mended by these. */
  async mount(state?: DiskState): Promise<{ readonly pool: readonly NamedPool[] } & Disposable> {
    using stack = new DisposableStack();
    const pool: NamedPool[] = [];
    for (const name of disks) {
      const path = join(this.folder, name);
      using backing = new Fd(openSync(join(state?.folder ?? this.#vault, `${name}.img`), 'r+'));
      const { number, device } = await attachLoop(backing, { autoclear: true });
      using _device = device;
      mkdirSync(path, { recursive: true });
      const fsType = name === 'catalog' ? 'ext4' : this.#dataFs;
      // What else on the machine copies the mounts may hold the state before a while longer, with the same id.
      const options = fsType === 'xfs' ? ['nouuid'] : [];
      linuxMounter.mount({ fsType, source: loopPath(number), target: path, options });
      stack.defer(() => linuxMounter.unmount(path));
      pool.push({ name, path });
    }
    const mounted = stack.move();
    return { pool, [Symbol.dispose]: () => mounted.dispose() };
  }

  /** Mounts that a failed look has left, which would keep the disks in use. */
  unmountOthers(): void {
    const own = [this.#vault, ...disks.map((disk) => join(this.folder, disk))];
    for (const { mountPoint } of linuxMounter.mounts().toReversed()) {
      if (!mountPoint.startsWith(`${this.folder}/`) || own.includes(mountPoint)) continue;
      linuxMounter.unmount(mountPoint, { lazy: true });
    }
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}
