import { readdirSync, readFileSync } from 'node:fs';
import { isDeviceReadOnly, setDeviceReadOnly } from './block-device.ts';
import { makeNodeAt } from './create-at.ts';
import * as flags from './flags.ts';
import { isErrno } from './kernel-error.ts';
import { callAsync, check, libc } from './libc.ts';
import { openFileAt } from './open-file.ts';
import { type Fd, openRoot } from './open-in-root.ts';
import { inspectAt } from './path-facts.ts';

/** Major number of loop devices (Documentation/admin-guide/devices.txt). */
export const loopMajor = 7;

export interface LoopOptions {
  readonly readOnly?: boolean;
  /** The kernel detaches the device when its last user closes it: a mount is a user, and so is an open fd. */
  readonly autoclear?: boolean;
  /** Reads and writes skip the page cache of the file's filesystem, where that can. */
  readonly directIo?: boolean;
}

/** A loop device that is attached to a file. */
export interface AttachedLoop {
  readonly number: number;
  /** The file's path as the kernel remembers it; ends in ` (deleted)` where that name is gone. */
  readonly backingFile: string;
}

/**
 * Said every time: left to the kernel, a file that shares blocks on xfs gets sectors of 4096, and the filesystem it was
 * copied from, made for 512, can no longer be mounted.
 */
const sectorBytes = 512;

/** More than could ever race for one free device. */
const maxTries = 64;

export function loopPath(number: number): string {
  return `/dev/loop${number}`;
}

/**
 * Attaches a free loop device to an open file (readable, and writable unless `readOnly`).
 * The fd given back keeps an `autoclear` device alive until a mount does.
 */
export async function attachLoop(file: Fd, options: LoopOptions = {}): Promise<{ number: number; device: Fd }> {
  using dev = openRoot('/dev');
  using control = openFileAt(dev, 'loop-control', 'write');
  for (let tries = 0; ; tries++) {
    const number = check(libc.ioctlNumber(control.number, flags.IOCTL.loopCtlGetFree, 0), 'ioctl', 'LOOP_CTL_GET_FREE');
    const device = openDevice(dev, number, options.readOnly === true);
    try {
      await configure(device, file, options);
      // A device keeps what BLKROSET said in an earlier life.
      if (!options.readOnly && isDeviceReadOnly(device)) setDeviceReadOnly(device, false);
      return { number, device };
    } catch (error) {
      device[Symbol.dispose]();
      // Another process took it between the two calls.
      if (tries >= maxTries || !isErrno(error, 'EBUSY')) throw error;
    }
  }
}

/** Opens an attached device, which keeps it from being cleared. @throws KernelError ENOENT, ENXIO */
export function openLoop(number: number, readOnly = false): Fd {
  using dev = openRoot('/dev');
  return openFileAt(dev, `loop${number}`, readOnly ? 'read' : 'write');
}

/** Where /dev is not kept by the kernel (a container's), the node of a new device has to be made. */
function openDevice(dev: Fd, number: number, readOnly: boolean): Fd {
  const open = () => openFileAt(dev, `loop${number}`, readOnly ? 'read' : 'write');
  try {
    return open();
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    makeNodeAt(dev, `loop${number}`, 0o060600, { major: loopMajor, minor: number });
    return open();
  }
}

/** struct loop_config of linux/loop.h: fd, block size, then struct loop_info64 with its flags at byte 52. */
async function configure(device: Fd, file: Fd, { readOnly, autoclear, directIo }: LoopOptions): Promise<void> {
  const config = Buffer.alloc(304);
  config.writeUInt32LE(file.number, 0);
  config.writeUInt32LE(sectorBytes, 4);
  const bits = (readOnly ? flags.LO_FLAGS.readOnly : 0) | (autoclear ? flags.LO_FLAGS.autoclear : 0);
  const attempt = async (extra: number) => {
    config.writeUInt32LE(bits | extra, 8 + 52);
    const args = [device.number, flags.IOCTL.loopConfigure, config];
    await callAsync(libc.ioctlPointer, args, { syscall: 'ioctl', what: 'LOOP_CONFIGURE' });
  };
  try {
    await attempt(directIo ? flags.LO_FLAGS.directIo : 0);
  } catch (error) {
    if (!directIo || !isErrno(error, 'EINVAL')) throw error;
    await attempt(0);
  }
}

/**
 * Detaches a device; one that is in use goes with its last user. Between a look at what it shows and this call the kernel may have
 * given its number to another file: `isStill` is asked while the device is open, which keeps it what it is.
 * @returns false where nothing was attached, or something else.
 */
export async function detachLoop(number: number, isStill: () => boolean = () => true): Promise<boolean> {
  try {
    using device = openLoop(number, true);
    if (!isStill()) return false;
    await callAsync(libc.ioctlNumber, [device.number, flags.IOCTL.loopClearFd, 0], {
      syscall: 'ioctl',
      what: `LOOP_CLR_FD ${loopPath(number)}`,
    });
    return true;
  } catch (error) {
    if (isErrno(error, 'ENXIO', 'ENOENT', 'ENODEV')) return false;
    throw error;
  }
}

/** Makes an attached device as large as its file has become. */
export async function growLoop(number: number): Promise<void> {
  using device = openLoop(number);
  await callAsync(libc.ioctlNumber, [device.number, flags.IOCTL.loopSetCapacity, 0], {
    syscall: 'ioctl',
    what: `LOOP_SET_CAPACITY ${loopPath(number)}`,
  });
}

/** Every attached loop device of the machine, whoever attached it. */
export function listLoops(): AttachedLoop[] {
  return readdirSync('/sys/block')
    .filter((name) => /^loop\d+$/.test(name))
    .flatMap((name) => {
      const backingFile = backingFileOf(Number(name.slice(4)));
      return backingFile === undefined ? [] : [{ number: Number(name.slice(4)), backingFile }];
    });
}

/** @returns undefined where the device is free or there is none. */
export function backingFileOf(number: number): string | undefined {
  try {
    const text = readFileSync(`/sys/block/loop${number}/loop/backing_file`, 'utf8').trimEnd();
    return text === '' ? undefined : text;
  } catch (error) {
    // No answer at all: taken for a free device, it would let its file be attached a second time.
    if (isErrno(error, 'EMFILE', 'ENFILE', 'ENOMEM', 'EIO')) throw error;
    return undefined;
  }
}

/** Whether the device is attached to this very file, by device and inode (LOOP_GET_STATUS64). */
export function isLoopOf(number: number, file: Fd): boolean {
  try {
    using device = openLoop(number, true);
    const status = Buffer.alloc(232);
    check(libc.ioctlPointer(device.number, flags.IOCTL.loopGetStatus64, status), 'ioctl', 'LOOP_GET_STATUS64');
    const { device: held, inode } = inspectAt(file);
    return status.readBigUInt64LE(8) === inode && decode(status.readBigUInt64LE(0)) === held;
  } catch (error) {
    if (isErrno(error, 'ENXIO', 'ENOENT', 'ENODEV')) return false;
    throw error;
  }
}

/** The kernel's "huge" encoding of a device number (linux/kdev_t.h). */
function decode(device: bigint): string {
  const major = (device >> 8n) & 0xfffn;
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn & 0xffffffffn);
  return `${major}:${minor}`;
}
