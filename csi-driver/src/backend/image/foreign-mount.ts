import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { loopMajor, type MountInfo, parseMountInfo } from '@berth/linux';

/** A mount, and a process in whose mount namespace it is. */
export interface ForeignMount extends MountInfo {
  readonly pid: number;
}

/**
 * The filesystem of a loop device as another mount namespace has it mounted. A namespace that was made while a volume was
 * staged keeps its own copy of the mount, which does not go with ours (mount_namespaces(7), private mounts).
 */
export function foreignMount(loop: number): ForeignMount | undefined {
  const seen = new Set([namespaceOf('self')]);
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const namespace = namespaceOf(pid);
    if (namespace === undefined || seen.has(namespace)) continue;
    seen.add(namespace);
    const mount = mountsOf(pid).find((one) => isOf(one, loop));
    if (mount) return { ...mount, pid: Number(pid) };
  }
  return undefined;
}

function isOf({ device, source, fsType }: MountInfo, loop: number): boolean {
  // btrfs shows a device number of its own.
  return device === `${loopMajor}:${loop}` || (fsType === 'btrfs' && source === `/dev/loop${loop}`);
}

function namespaceOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    // It ended meanwhile.
    return undefined;
  }
}

function mountsOf(pid: string): readonly MountInfo[] {
  try {
    return parseMountInfo(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'));
  } catch {
    return [];
  }
}

/** Who keeps a loop device that no mount of ours uses, as far as can be told. */
export function loopUser(loop: number): string {
  const mount = foreignMount(loop);
  if (!mount) return `a process has /dev/loop${loop} open`;
  return `it is mounted at ${mount.mountPoint} in the mount namespace of process ${mount.pid} (${nameOf(mount.pid)})`;
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd();
  } catch {
    return 'ended meanwhile';
  }
}
