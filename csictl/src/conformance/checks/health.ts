import type { csi } from '@berth/protos';
import { type Check, expectCode, fail } from '../check.ts';

const unknown = 'csictl-nobody-made-this';

/** Health of volumes and backends (CSI spec 1.13, the four health calls). */
export const healthChecks: readonly Check[] = [
  {
    id: 'health.controller',
    section: 'ControllerGetVolumeHealth',
    rule: 'A new volume is healthy, which is an empty list; each status and reason comes once; an unknown volume is NOT_FOUND.',
    needs: ['controller:CREATE_DELETE_VOLUME', 'controller:GET_VOLUME_HEALTH'],
    run: async (subject) => {
      const { volumeId } = await subject.create();
      const { volumeHealth } = await subject.controller.ControllerGetVolumeHealth({ volumeId });
      refuseTwice(volumeId, volumeHealth);
      if ((volumeHealth?.healthStatuses.length ?? 0) > 0) fail('a new volume is not healthy');
      const call = subject.controller.ControllerGetVolumeHealth({ volumeId: unknown });
      await expectCode('an unknown volume', call, 'NOT_FOUND');
    },
  },
  {
    id: 'health.list',
    section: 'ControllerListVolumeHealth',
    rule: 'The list answers, says nothing twice, and a token that was never given is ABORTED.',
    needs: ['controller:LIST_VOLUME_HEALTH'],
    run: async ({ controller }) => {
      const { entries } = await controller.ControllerListVolumeHealth({ maxEntries: 100 });
      for (const health of entries) refuseTwice(health.volumeId, health);
      const call = controller.ControllerListVolumeHealth({ startingToken: 'csictl-no-token' });
      await expectCode('an unknown token', call, 'ABORTED');
    },
  },
  {
    id: 'health.node',
    section: 'NodeGetVolumeHealth',
    rule: 'A published volume is healthy on its node; an unknown volume is NOT_FOUND.',
    needs: ['controller:CREATE_DELETE_VOLUME', 'node:GET_VOLUME_HEALTH', 'mounts'],
    run: async (subject) => {
      const { staged, target } = await subject.mounted();
      const { volumeId } = staged.volume;
      const { stagingTargetPath } = staged;
      const where = { volumePublishPath: target, stagingTargetPath };
      const { volumeHealth } = await subject.node.NodeGetVolumeHealth({ volumeId, ...where });
      refuseTwice(volumeId, volumeHealth);
      if ((volumeHealth?.healthStatuses.length ?? 0) > 0) fail('a volume that was just published is not healthy');
      await expectCode(
        'an unknown volume',
        subject.node.NodeGetVolumeHealth({ volumeId: unknown, ...where }),
        'NOT_FOUND',
      );
    },
  },
  {
    id: 'health.storage',
    section: 'NodeGetStorageHealth',
    rule: 'The node tells the health of its storage; an empty list is good health.',
    needs: ['node:GET_STORAGE_HEALTH', 'mounts'],
    run: async ({ node }) => {
      const { backendHealth } = await node.NodeGetStorageHealth({});
      for (const { status, reason } of backendHealth) if (reason === '') fail(`${status} comes without a reason`);
    },
  },
];

function refuseTwice(volumeId: string, health: csi.VolumeHealth | null): void {
  if (health && health.volumeId !== volumeId) fail(`the answer is about ${health.volumeId}, not ${volumeId}`);
  const keys = (health?.healthStatuses ?? []).map(({ status, reason }) => `${status} ${reason}`);
  if (new Set(keys).size !== keys.length) fail(`a status and reason comes twice: ${keys.join(', ')}`);
}
