import { existsSync } from 'node:fs';
import { type Check, fail } from '../check.ts';

const create = ['controller:CREATE_DELETE_VOLUME'] as const;

/** Every call twice (CSI spec, "Idempotency" and each RPC). */
export const idempotencyChecks: readonly Check[] = [
  {
    id: 'twice.create-and-delete-volume',
    section: 'CreateVolume; DeleteVolume',
    rule: 'CreateVolume again is the same volume with the same size and context; DeleteVolume again is OK.',
    needs: create,
    run: async (subject) => {
      const request = subject.request();
      const [first, second] = [
        await subject.controller.CreateVolume(request),
        await subject.controller.CreateVolume(request),
      ];
      if (JSON.stringify(first) !== JSON.stringify(second)) fail('the second answer is another than the first');
      const volumeId = first.volume?.volumeId ?? '';
      for (const _ of [1, 2]) await subject.controller.DeleteVolume({ volumeId });
    },
  },
  {
    id: 'twice.create-and-delete-snapshot',
    section: 'CreateSnapshot; DeleteSnapshot',
    rule: 'CreateSnapshot again is the same snapshot, of the same moment; DeleteSnapshot again is OK.',
    needs: [...create, 'controller:CREATE_DELETE_SNAPSHOT'],
    run: async (subject) => {
      const { volumeId } = await subject.create();
      const name = subject.name('snapshot');
      const [first, second] = [await subject.snapshot(volumeId, name), await subject.snapshot(volumeId, name)];
      if (first.snapshotId !== second.snapshotId) fail('the second is another snapshot');
      if (JSON.stringify(first.creationTime) !== JSON.stringify(second.creationTime)) fail('its creation time changes');
      for (const _ of [1, 2]) await subject.controller.DeleteSnapshot({ snapshotId: first.snapshotId });
    },
  },
  {
    id: 'twice.controller-publish',
    section: 'ControllerPublishVolume; ControllerUnpublishVolume',
    rule: 'Attaching again gives the same publish context; detaching again is OK.',
    needs: [...create, 'controller:PUBLISH_UNPUBLISH_VOLUME', 'mounts'],
    run: async (subject) => {
      const volume = await subject.create();
      const { volumeId, volumeContext } = volume;
      const { nodeId } = await subject.node.NodeGetInfo({});
      const request = { volumeId, nodeId, volumeCapability: subject.capability(), volumeContext };
      const first = await subject.controller.ControllerPublishVolume(request);
      const second = await subject.controller.ControllerPublishVolume(request);
      if (JSON.stringify(first) !== JSON.stringify(second)) fail('the second answer is another than the first');
      for (const _ of [1, 2]) await subject.controller.ControllerUnpublishVolume({ volumeId, nodeId });
    },
  },
  {
    id: 'twice.node-calls',
    section: 'NodeStageVolume to NodeUnstageVolume',
    rule: 'Staging, publishing, unpublishing and unstaging again are OK and mount nothing twice; content stays.',
    needs: [...create, 'mounts'],
    run: async (subject) => {
      const staged = await subject.stage(await subject.create());
      if (staged.stagingTargetPath !== '') await subject.node.NodeStageVolume(subject.stageRequest(staged));
      const target = await subject.publish(staged);
      subject.writeContent(target, 7);
      await subject.node.NodePublishVolume(subject.publishRequest(staged, target));
      subject.expectContent('the volume that was published again', target, 7);
      const stacked = subject.folder.mounts().filter((path) => path === target).length;
      if (stacked > 1) fail(`${stacked} mounts are stacked at the target path`);
      for (const _ of [1, 2]) await subject.unpublish(staged, target);
      for (const _ of [1, 2]) await subject.unstage(staged);
      const left = subject.folder.mounts();
      if (left.length > 0) fail(`mounts are left: ${left.join(', ')}`);
    },
  },
  {
    id: 'twice.target-and-staging-path',
    section: 'NodePublishVolume; NodeUnpublishVolume; NodeUnstageVolume',
    rule: 'The plugin makes the target path and removes it again; the staging path is the CO’s and stays.',
    needs: [...create, 'mounts'],
    run: async (subject) => {
      const { staged, target } = await subject.mounted();
      await subject.unpublish(staged, target);
      if (existsSync(target)) fail('the target path is still there after NodeUnpublishVolume');
      await subject.unstage(staged);
      const { stagingTargetPath } = staged;
      if (stagingTargetPath !== '' && !existsSync(stagingTargetPath))
        fail('NodeUnstageVolume removed the staging path');
    },
  },
  {
    id: 'twice.remount-keeps-content',
    section: 'NodeStageVolume',
    rule: 'A volume that was unstaged and is staged again holds what was written: it is never formatted twice.',
    needs: [...create, 'mounts'],
    run: async (subject) => {
      const { staged, target } = await subject.mounted();
      subject.writeContent(target, 9);
      await subject.unpublish(staged, target);
      await subject.unstage(staged);
      const again = await subject.stage(staged.volume);
      subject.expectContent('the volume that was staged again', await subject.publish(again), 9);
    },
  },
];
