import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { MountInfo } from '@berth/linux';

/** Something wrong with a mounted filesystem, or with the disk below it. */
export interface FilesystemTrouble {
  /** `damaged`: what was written may not be what is read. `failing`: errors, all data still there as far as is known. */
  readonly kind: 'damaged' | 'failing' | 'read-only';
  readonly message: string;
}

/** What the kernel says about a mounted filesystem, from sysfs and the mount table, without touching the filesystem. */
export function filesystemTroubles(mount: MountInfo, sysfs = '/sys'): FilesystemTrouble[] {
  const name = deviceName(mount, sysfs);
  const found: FilesystemTrouble[] = [];
  const errors = mount.fsType === 'ext4' ? extErrors(name, sysfs) : 0;
  if (errors > 0) {
    const message = `ext4 on ${name} found ${errors} errors in itself; unmount it and run e2fsck`;
    found.push({ kind: 'failing', message });
  }
  if (mount.fsType === 'btrfs') found.push(...btrfsErrors(name, sysfs));
  if (isShutDown(mount))
    found.push({ kind: 'read-only', message: `${mount.fsType} on ${name} was shut down by an error` });
  else if (isReadOnly(mount) && errors > 0) {
    found.push({ kind: 'read-only', message: `ext4 on ${name} became read-only after an error` });
  }
  return found;
}

/** Written by filesystems themselves once they have given up (linux: ext4 and f2fs `emergency_ro`, `shutdown`). */
function isShutDown({ superOptions }: MountInfo): boolean {
  return superOptions.includes('shutdown') || superOptions.includes('emergency_ro');
}

export function isReadOnly({ superOptions }: MountInfo): boolean {
  return superOptions.includes('ro');
}

/** Name of the block device in sysfs. btrfs shows a device number of its own; its source names one of its disks. */
function deviceName({ device, source, fsType }: MountInfo, sysfs: string): string {
  if (fsType === 'btrfs') return basename(source);
  try {
    return basename(readlinkSync(join(sysfs, 'dev/block', device)));
  } catch {
    return basename(source);
  }
}

/** Documentation/ABI/testing/sysfs-fs-ext4: errors since the last check. */
function extErrors(name: string, sysfs: string): number {
  return Number(contentOf(join(sysfs, 'fs/ext4', name, 'errors_count')) || 0);
}

/** fs/btrfs/sysfs.c, devinfo/N/error_stats: what `btrfs device stats` tells. */
function btrfsErrors(name: string, sysfs: string): FilesystemTrouble[] {
  const filesystems = join(sysfs, 'fs/btrfs');
  const own = namesIn(filesystems).find((id) => existsSync(join(filesystems, id, 'devices', name)));
  if (own === undefined) return [];
  const devices = join(filesystems, own, 'devinfo');
  const stats = namesIn(devices).map((id) => contentOf(join(devices, id, 'error_stats')));
  const count = (kinds: string) =>
    stats
      .flatMap((text) => [...text.matchAll(new RegExp(`^(?:${kinds})_errs (\\d+)$`, 'gm'))])
      .reduce((sum, [, number]) => sum + Number(number), 0);
  const damaged = count('corruption|generation');
  const failing = count('write|read|flush');
  const found: FilesystemTrouble[] = [];
  if (damaged > 0)
    found.push({ kind: 'damaged', message: `btrfs on ${name} met ${damaged} blocks with wrong checksums` });
  if (failing > 0) found.push({ kind: 'failing', message: `the disk of the btrfs on ${name} failed ${failing} times` });
  return found;
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // An older kernel, or it went meanwhile: nothing is known.
    return '';
  }
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
