import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import {
  attachLoop,
  backingFileOf,
  detachLoop,
  type Fd,
  inspect,
  isErrno,
  isLoopOf,
  listLoops,
  loopMajor,
  type MountInfo,
  openFileAt,
  openLoop,
  type PathFacts,
} from '@berth/linux';
import { isPlainId } from '../../rules/volume-id.ts';

/** What the kernel adds to the name of a file without one (d_path). */
const deletedMark = ' (deleted)';

export interface HeldLoop extends Disposable {
  readonly number: number;
  readonly device: Fd;
  /** True for a device that was there already: a program of an earlier life may still work on it. */
  readonly found: boolean;
}

/**
 * Which loop devices show which image. The kernel is asked each time, by device and inode of the file;
 * what is kept is only where to look first.
 */
export class ImageLoops {
  readonly #images: Fd;
  readonly #hints = new Map<string, number>();

  constructor(images: Fd) {
    this.#images = images;
  }

  /** The device attached to the image of a volume. */
  find(id: string): number | undefined {
    const hint = this.#hints.get(id);
    if (hint !== undefined && this.isOf(hint, id)) return hint;
    const [number] = this.all(id);
    if (number === undefined) this.#hints.delete(id);
    else this.#hints.set(id, number);
    return number;
  }

  /** All of them; more than one only where somebody else attached the image too. */
  all(id: string): number[] {
    const candidates = listLoops().filter(({ backingFile }) => idOf(backingFile) === id);
    return candidates.map(({ number }) => number).filter((number) => this.isOf(number, id));
  }

  isOf(number: number, id: string): boolean {
    const backingFile = backingFileOf(number);
    if (backingFile === undefined || idOf(backingFile) !== id) return false;
    try {
      using file = openFileAt(this.#images, id, 'handle');
      return isLoopOf(number, file);
    } catch (error) {
      // An image that somebody removed while it was in use is still its volume's: ids are given once.
      if (isErrno(error, 'ENOENT')) return backingFile.endsWith(deletedMark);
      throw error;
    }
  }

  /** Opens the device that shows the image, attaching one where there is none. With `autoclear` it goes with its last user. */
  async hold(id: string, autoclear: boolean): Promise<HeldLoop> {
    const number = this.find(id);
    if (number !== undefined) {
      const device = openLoop(number);
      if (this.isOf(number, id)) return held(number, device, true);
      // It went between the look and the open.
      device[Symbol.dispose]();
    }
    using file = openFileAt(this.#images, id, 'write');
    const loop = await attachLoop(file, { autoclear, directIo: true });
    this.#hints.set(id, loop.number);
    return held(loop.number, loop.device, false);
  }

  /** Detaches every device of the image; one that is in use goes with its last user. */
  async release(id: string): Promise<void> {
    for (const number of this.all(id)) await detachLoop(number, () => this.isOf(number, id));
    this.#hints.delete(id);
  }

  /** The volume whose image a loop device shows. */
  volumeOf(number: number): string | undefined {
    const backingFile = backingFileOf(number);
    const id = backingFile === undefined ? undefined : idOf(backingFile);
    return id !== undefined && isPlainId(id) && this.isOf(number, id) ? id : undefined;
  }
}

/** The loop device a line of the mount table is about: its filesystem, or the node of the device itself. */
export function loopOfMount(
  mount: MountInfo,
): { readonly number: number; readonly kind: 'filesystem' | 'device' } | undefined {
  const own = new RegExp(`^${loopMajor}:(\\d+)$`).exec(mount.device) ?? /^\/dev\/loop(\d+)$/.exec(mount.source);
  if (own) return { number: Number(own[1]), kind: 'filesystem' };
  const node = /^\/loop(\d+)$/.exec(mount.root);
  if (!node || !/^(dev)?tmpfs$/.test(mount.fsType)) return undefined;
  return deviceNodeAt(mount.mountPoint) === Number(node[1]) ? { number: Number(node[1]), kind: 'device' } : undefined;
}

/** The loop device that is mounted as a file with these facts. */
export function loopOfNode({ mode, node }: PathFacts): number | undefined {
  if ((mode & 0o170000) !== 0o060000) return undefined;
  const [major, minor] = node.split(':').map(Number);
  return major === loopMajor ? minor : undefined;
}

/** This process or machine is short of something: it says nothing about the device. */
const noAnswer = ['EMFILE', 'ENFILE', 'ENOMEM'];

/** Whether the kernel detaches the device with its last user; undefined where it has done so. */
export function isAutoclear(number: number): boolean | undefined {
  try {
    return readFileSync(`/sys/block/loop${number}/loop/autoclear`, 'utf8').trim() === '1';
  } catch (error) {
    if (isErrno(error, ...noAnswer)) throw error;
    return undefined;
  }
}

function deviceNodeAt(path: string): number | undefined {
  try {
    return loopOfNode(inspect(path));
  } catch (error) {
    if (isErrno(error, ...noAnswer)) throw error;
    return undefined;
  }
}

function idOf(backingFile: string): string {
  return basename(backingFile.endsWith(deletedMark) ? backingFile.slice(0, -deletedMark.length) : backingFile);
}

function held(number: number, device: Fd, found: boolean): HeldLoop {
  return { number, device, found, [Symbol.dispose]: () => device[Symbol.dispose]() };
}
