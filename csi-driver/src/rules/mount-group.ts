import type { csi } from '@berth/protos';

/** The highest group id there can be: 2^32 − 1 stands for "no change" (chown(2)). */
const maxGroup = 2 ** 32 - 2;

/** The group that is to have the volume; undefined where none is asked for. */
export function mountGroupOf(mount: csi.VolumeCapabilityMountVolume | undefined): number | undefined {
  return mount?.volumeMountGroup ? Number(mount.volumeMountGroup) : undefined;
}

/** Why this group cannot be had, without repeating it. */
export function objectionToGroup(mount: csi.VolumeCapabilityMountVolume | undefined): string | undefined {
  const text = mount?.volumeMountGroup ?? '';
  if (text === '' || (/^\d{1,10}$/.test(text) && Number(text) <= maxGroup)) return undefined;
  return `volume_mount_group must be the number of a group, from 0 to ${maxGroup}`;
}
