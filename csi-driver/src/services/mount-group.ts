import type { csi } from '@berth/protos';
import { giveToGroup } from '../mounts/give-to-group.ts';
import { Place } from '../mounts/place.ts';
import { mountGroupOf } from '../rules/mount-group.ts';
import type { NodeVolume } from './node-volume.ts';
import { recognizerOf, type ServiceContext } from './services.ts';

/**
 * Gives what is staged to the group of the capability (CSI spec, VolumeCapability.MountVolume.volume_mount_group): no
 * filesystem here has it as a mount option, so its files are given. One that has them already costs a look. It goes on
 * when the caller leaves; its repetition finds it further on. On a server it is its backend that gives them.
 */
export async function applyMountGroup(
  context: ServiceContext,
  { volume, mount, stagingTargetPath }: Application,
  signal: AbortSignal,
): Promise<void> {
  const group = mountGroupOf(mount);
  if (group === undefined) return;
  const { node, remote } = context.backends.of(volume);
  const key = `${keyOf(volume.id)}, group ${group}`;
  if (remote) {
    await context.jobs.run(key, async (stop) => node.giveToGroup?.(volume, group, stop), signal);
    return;
  }
  using place = Place.find(stagingTargetPath, context.places);
  if (!place || context.mounts.standing(place, recognizerOf(context, volume)) !== 'volume') return;
  const work = async (stop: AbortSignal) => {
    using root = place.open();
    await giveToGroup(root.path, group, stop);
  };
  await context.jobs.run(key, work, signal);
}

export interface Application {
  readonly volume: NodeVolume;
  readonly mount: csi.VolumeCapabilityMountVolume | undefined;
  readonly stagingTargetPath: string;
}

/** Ends what a caller that left began: it would keep the filesystem busy. */
export async function stopMountGroup({ jobs }: ServiceContext, volumeId: string): Promise<void> {
  await jobs.cancelAll(keyOf(volumeId));
}

function keyOf(volumeId: string): string {
  return `files of ${volumeId}`;
}
