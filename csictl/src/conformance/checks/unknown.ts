import { type Check, expectCode } from '../check.ts';

const create = ['controller:CREATE_DELETE_VOLUME'] as const;
const unknown = 'csictl-nobody-made-this';

/** Things that are not there (CSI spec, errors of each RPC). */
export const unknownChecks: readonly Check[] = [
  {
    id: 'unknown.delete-is-ok',
    section: 'DeleteVolume',
    rule: 'Deleting a volume that is not there is OK.',
    needs: create,
    run: ({ controller }) => expectCode('DeleteVolume', controller.DeleteVolume({ volumeId: unknown }), 'OK'),
  },
  {
    id: 'unknown.delete-snapshot-is-ok',
    section: 'DeleteSnapshot',
    rule: 'Deleting a snapshot that is not there is OK.',
    needs: ['controller:CREATE_DELETE_SNAPSHOT'],
    run: ({ controller }) => expectCode('DeleteSnapshot', controller.DeleteSnapshot({ snapshotId: unknown }), 'OK'),
  },
  {
    id: 'unknown.unpublish-is-ok',
    section: 'NodeUnpublishVolume; NodeUnstageVolume',
    rule: 'Unpublishing and unstaging where nothing is mounted is OK.',
    needs: [...create, 'mounts'],
    run: async (subject) => {
      const { volumeId } = await subject.create();
      const targetPath = subject.folder.free('target');
      await expectCode('NodeUnpublishVolume', subject.node.NodeUnpublishVolume({ volumeId, targetPath }), 'OK');
      if (!subject.has('node:STAGE_UNSTAGE_VOLUME')) return;
      const stagingTargetPath = subject.folder.directory('stage');
      await expectCode('NodeUnstageVolume', subject.node.NodeUnstageVolume({ volumeId, stagingTargetPath }), 'OK');
    },
  },
  {
    id: 'unknown.volume-is-not-found',
    section: 'Errors of each RPC',
    rule: 'What asks about, grows, snapshots or clones a volume that is not there is NOT_FOUND.',
    needs: create,
    run: async (subject) => {
      const { controller, volumes } = subject;
      const volumeCapability = subject.capability();
      const capacityRange = { requiredBytes: String(volumes.sizeBytes), limitBytes: '0' };
      const calls = {
        ValidateVolumeCapabilities: () =>
          controller.ValidateVolumeCapabilities({ volumeId: unknown, volumeCapabilities: [volumeCapability] }),
        EXPAND_VOLUME: () => controller.ControllerExpandVolume({ volumeId: unknown, capacityRange, volumeCapability }),
        CREATE_DELETE_SNAPSHOT: () => controller.CreateSnapshot({ sourceVolumeId: unknown, name: subject.name() }),
        CLONE_VOLUME: () =>
          controller.CreateVolume(subject.request({ volumeContentSource: { volume: { volumeId: unknown } } })),
        GET_VOLUME: () => controller.ControllerGetVolume({ volumeId: unknown }),
        MODIFY_VOLUME: () => controller.ControllerModifyVolume({ volumeId: unknown, mutableParameters: {} }),
      };
      for (const [capability, call] of Object.entries(calls)) {
        const isOffered = capability === 'ValidateVolumeCapabilities' || subject.has(`controller:${capability}`);
        if (isOffered) await expectCode(`the call of ${capability}`, call(), 'NOT_FOUND');
      }
    },
  },
  {
    id: 'unknown.node-calls-are-not-found',
    section: 'Errors of each RPC',
    rule: 'Publishing, staging, measuring and growing a volume that is not there is NOT_FOUND.',
    needs: ['mounts'],
    run: async (subject) => {
      const { node, folder } = subject;
      const volumeCapability = subject.capability();
      const volumeId = unknown;
      const stagingTargetPath = folder.directory('stage');
      if (subject.has('node:STAGE_UNSTAGE_VOLUME'))
        await expectCode(
          'NodeStageVolume',
          node.NodeStageVolume({ volumeId, stagingTargetPath, volumeCapability }),
          'NOT_FOUND',
        );
      const targetPath = folder.free('target');
      const publish = node.NodePublishVolume({ volumeId, stagingTargetPath, targetPath, volumeCapability });
      await expectCode('NodePublishVolume', publish, 'NOT_FOUND');
      if (subject.has('node:GET_VOLUME_STATS'))
        await expectCode(
          'NodeGetVolumeStats',
          node.NodeGetVolumeStats({ volumeId, volumePath: folder.path }),
          'NOT_FOUND',
        );
      if (subject.has('node:EXPAND_VOLUME'))
        await expectCode('NodeExpandVolume', node.NodeExpandVolume({ volumeId, volumePath: folder.path }), 'NOT_FOUND');
    },
  },
  {
    id: 'unknown.stats-elsewhere',
    section: 'NodeGetVolumeStats Errors',
    rule: 'Measuring a volume at a path where it is not mounted is NOT_FOUND.',
    needs: [...create, 'mounts', 'node:GET_VOLUME_STATS'],
    run: async (subject) => {
      const { staged } = await subject.mounted();
      const { volumeId } = staged.volume;
      for (const volumePath of [subject.folder.directory('other'), '/nonexistent/csictl'])
        await expectCode('NodeGetVolumeStats', subject.node.NodeGetVolumeStats({ volumeId, volumePath }), 'NOT_FOUND');
    },
  },
];
