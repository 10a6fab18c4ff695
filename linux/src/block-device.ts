import * as flags from './flags.ts';
import { callAsync, check, libc } from './libc.ts';
import type { Fd } from './open-in-root.ts';

/** Size of an open block device (BLKGETSIZE64). */
export function deviceSize(device: Fd): number {
  const size = Buffer.alloc(8);
  check(libc.ioctlPointer(device.number, flags.IOCTL.blkgetsize64, size), 'ioctl', 'BLKGETSIZE64');
  return Number(size.readBigUInt64LE());
}

/** Whether the kernel refuses writes to the device (BLKROGET). */
export function isDeviceReadOnly(device: Fd): boolean {
  const flag = Buffer.alloc(4);
  check(libc.ioctlPointer(device.number, flags.IOCTL.blkroget, flag), 'ioctl', 'BLKROGET');
  return flag.readInt32LE() !== 0;
}

/** Makes the kernel refuse, or take again, writes by those who open the device from now on (BLKROSET). */
export function setDeviceReadOnly(device: Fd, readOnly: boolean): void {
  const flag = Buffer.alloc(4);
  flag.writeInt32LE(readOnly ? 1 : 0);
  check(libc.ioctlPointer(device.number, flags.IOCTL.blkroset, flag), 'ioctl', 'BLKROSET');
}

/**
 * Stops writing to a mounted filesystem, with everything written so far on its device (FIFREEZE).
 * Writers wait until {@link thawFilesystem}, also past the end of this process. @throws KernelError EBUSY – frozen already.
 */
export async function freezeFilesystem(directory: Fd): Promise<void> {
  await callAsync(libc.ioctlNumber, [directory.number, flags.IOCTL.fifreeze, 0], {
    syscall: 'ioctl',
    what: 'FIFREEZE',
  });
}

/** @throws KernelError EINVAL – it is not frozen. */
export async function thawFilesystem(directory: Fd): Promise<void> {
  await callAsync(libc.ioctlNumber, [directory.number, flags.IOCTL.fithaw, 0], { syscall: 'ioctl', what: 'FITHAW' });
}
