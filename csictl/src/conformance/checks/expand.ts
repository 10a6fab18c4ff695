import { statfsSync } from 'node:fs';
import type { csi } from '@berth/protos';
import { type Check, codeOf, expectCode, fail } from '../check.ts';
import type { Staged, Subject } from '../subject.ts';

const needs = ['controller:CREATE_DELETE_VOLUME', 'controller:EXPAND_VOLUME'] as const;

/** Growing (CSI spec, ControllerExpandVolume and NodeExpandVolume). */
export const expandChecks: readonly Check[] = [
  {
    id: 'expand.twice',
    section: 'ControllerExpandVolume',
    rule: 'A volume grows to what is required at least; the call repeated, or for less, is OK and keeps the size.',
    needs,
    run: async (subject) => {
      const { sizeBytes } = subject.volumes;
      const volume = await subject.create();
      const grown = await grow(subject, volume, 2 * sizeBytes);
      const again = await grow(subject, volume, 2 * sizeBytes);
      if (again.capacityBytes !== grown.capacityBytes) fail('the repeated call changes the size');
      const less = await grow(subject, volume, sizeBytes);
      if (Number(less.capacityBytes) < sizeBytes) fail('a call for less answers with less than that');
    },
  },
  {
    id: 'expand.wrong-range',
    section: 'ControllerExpandVolume Errors',
    rule: 'No range is INVALID_ARGUMENT; a limit below the required size INVALID_ARGUMENT or OUT_OF_RANGE; 4 EiB OUT_OF_RANGE.',
    needs,
    run: async (subject) => {
      const { sizeBytes } = subject.volumes;
      const { volumeId } = await subject.create();
      const volumeCapability = subject.capability();
      const call = (requiredBytes: bigint | number, limitBytes: bigint | number) =>
        subject.controller.ControllerExpandVolume({
          volumeId,
          volumeCapability,
          capacityRange: { requiredBytes: String(requiredBytes), limitBytes: String(limitBytes) },
        });
      const none = subject.controller.ControllerExpandVolume({ volumeId, volumeCapability });
      await expectCode('no range', none, 'INVALID_ARGUMENT');
      await expectCode('a limit below', call(2 * sizeBytes, sizeBytes), 'INVALID_ARGUMENT', 'OUT_OF_RANGE');
      await expectCode('a negative size', call(-1, 0), 'INVALID_ARGUMENT', 'OUT_OF_RANGE');
      await expectCode('4 EiB', call(2n ** 62n, 0), 'OUT_OF_RANGE', 'RESOURCE_EXHAUSTED');
    },
  },
  {
    id: 'expand.keeps-content',
    section: 'ControllerExpandVolume; NodeExpandVolume',
    rule: 'A volume that is grown holds what it held, and who has it mounted sees the size, when both calls are done.',
    needs: [...needs, 'mounts'],
    run: async (subject) => {
      const { sizeBytes } = subject.volumes;
      const { staged, target } = await subject.mounted();
      subject.writeContent(target, 6);
      const isOnline = subject.has('plugin:VOLUME_EXPANSION_ONLINE');
      if (isOnline && (await growMounted(subject, staged, target))) return;
      await subject.unpublish(staged, target);
      await subject.unstage(staged);
      await grow(subject, staged.volume, 2 * sizeBytes);
      await growNode(subject, await subject.stage(staged.volume));
    },
  },
];

/** @returns false where the node may not grow it while it is in use (CSI spec, NodeExpandVolume Errors). */
async function growMounted(subject: Subject, staged: Staged, target: string): Promise<boolean> {
  const { sizeBytes, capability } = subject.volumes;
  const { volumeId } = staged.volume;
  const before = capability.block ? 0 : totalOf(target);
  const { nodeExpansionRequired, capacityBytes } = await grow(subject, staged.volume, 2 * sizeBytes);
  if (nodeExpansionRequired && subject.has('node:EXPAND_VOLUME')) {
    const { stagingTargetPath, volumeCapability } = staged;
    const capacityRange = { requiredBytes: capacityBytes, limitBytes: '0' };
    const request = { volumeId, volumePath: target, stagingTargetPath, volumeCapability, capacityRange };
    for (const _ of [1, 2]) {
      const code = await codeOf(subject.node.NodeExpandVolume(request));
      if (code === 'FAILED_PRECONDITION') return false;
      if (code !== 'OK') fail(`NodeExpandVolume gives ${code}`);
    }
  }
  subject.expectContent('the grown volume', target, 6);
  // Where sizes are enforced, the filesystem's is the volume's; a plain directory has that of its disk, before and after.
  const isOwn = before > 0 && before <= 1.05 * sizeBytes;
  if (isOwn && totalOf(target) < 1.5 * before) fail('the filesystem does not have the new size');
  return true;
}

async function growNode(subject: Subject, staged: Staged): Promise<void> {
  const target = await subject.publish(staged);
  if (subject.has('node:EXPAND_VOLUME')) {
    const { stagingTargetPath, volumeCapability, volume } = staged;
    const request = { volumeId: volume.volumeId, volumePath: target, stagingTargetPath, volumeCapability };
    for (const _ of [1, 2]) await subject.node.NodeExpandVolume(request);
  }
  subject.expectContent('the grown volume', target, 6);
}

async function grow(
  subject: Subject,
  { volumeId }: csi.Volume,
  bytes: number,
): Promise<csi.ControllerExpandVolumeResponse> {
  const capacityRange = { requiredBytes: String(bytes), limitBytes: '0' };
  const volumeCapability = subject.capability();
  const answer = await subject.controller.ControllerExpandVolume({ volumeId, capacityRange, volumeCapability });
  if (Number(answer.capacityBytes) < bytes) fail(`asked for ${bytes} bytes, it answers ${answer.capacityBytes}`);
  return answer;
}

function totalOf(path: string): number {
  const { blocks, bsize } = statfsSync(path);
  return blocks * bsize;
}
