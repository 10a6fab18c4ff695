import type { csi, Init } from '@berth/protos';
import { type Check, codeOf, fail } from '../check.ts';
import type { Subject } from '../subject.ts';

const needs = ['controller:CREATE_DELETE_VOLUME', 'mounts'] as const;

/** What is in snapshots and clones (CSI spec, CreateSnapshot and VolumeContentSource). */
export const contentChecks: readonly Check[] = [
  {
    id: 'content.snapshot',
    section: 'CreateSnapshot; VolumeContentSource',
    rule: 'A restored volume holds what its source held at the snapshot, also after the source was written and deleted.',
    needs: [...needs, 'controller:CREATE_DELETE_SNAPSHOT'],
    run: async (subject) => {
      const { staged, target } = await subject.mounted();
      subject.writeContent(target, 11);
      await subject.unpublish(staged, target);
      await subject.unstage(staged);
      const { volumeId } = staged.volume;
      const { snapshotId } = await subject.snapshot(volumeId);
      const again = await subject.stage(staged.volume);
      const writable = await subject.publish(again);
      subject.writeContent(writable, 12);
      const volumeContentSource = { snapshot: { snapshotId } };
      await holds(subject, 'the restored volume', volumeContentSource, 11);
      await subject.unpublish(again, writable);
      await subject.unstage(again);
      // Allowed to refuse; if it does not, the snapshot must stay whole (CSI spec, DeleteVolume).
      const code = await codeOf(subject.controller.DeleteVolume({ volumeId }));
      if (code !== 'OK' && code !== 'FAILED_PRECONDITION') fail(`deleting a volume with a snapshot gives ${code}`);
      if (code === 'OK') await holds(subject, "the volume restored after its source's end", volumeContentSource, 11);
    },
  },
  {
    id: 'content.clone',
    section: 'VolumeContentSource',
    rule: 'A clone holds what its source held, names it as its source, and each is written without the other.',
    needs: [...needs, 'controller:CLONE_VOLUME'],
    run: async (subject) => {
      const { staged, target } = await subject.mounted();
      subject.writeContent(target, 21);
      await subject.unpublish(staged, target);
      await subject.unstage(staged);
      const { volumeId } = staged.volume;
      await holds(subject, 'the clone', { volume: { volumeId } }, 21);
      const again = await subject.stage(staged.volume);
      subject.expectContent('the source of a clone that was written', await subject.publish(again), 21);
    },
  },
  {
    id: 'content.larger-than-its-source',
    section: 'CreateVolume',
    rule: 'A clone that is to be larger than its source is, and names its source in the answer.',
    needs: ['controller:CREATE_DELETE_VOLUME', 'controller:CLONE_VOLUME'],
    run: async (subject) => {
      const { volumeId } = await subject.create();
      const bytes = 2 * subject.volumes.sizeBytes;
      const clone = await subject.create({
        volumeContentSource: { volume: { volumeId } },
        capacityRange: { requiredBytes: String(bytes), limitBytes: '0' },
      });
      const got = Number(clone.capacityBytes);
      if (got !== 0 && got < bytes) fail(`it has ${got} bytes, not ${bytes}`);
      if (clone.contentSource?.volume?.volumeId !== volumeId) fail('the answer does not name the source');
    },
  },
];

/** Makes a volume of a source, looks into it and writes it. */
async function holds(
  subject: Subject,
  what: string,
  volumeContentSource: Init<csi.VolumeContentSource>,
  seed: number,
): Promise<void> {
  const { staged, target } = await subject.mounted({ volumeContentSource });
  subject.expectContent(what, target, seed);
  subject.writeContent(target, seed + 100);
  await subject.unpublish(staged, target);
  await subject.unstage(staged);
}
