import type { csi, Init } from '@berth/protos';
import { type Check, codeOf, expectCode, fail, skip } from '../check.ts';
import type { Subject } from '../subject.ts';

const create = ['controller:CREATE_DELETE_VOLUME'] as const;

type Part = Init<csi.CreateVolumeRequest>;

/** What a name that is taken gives (CSI spec, CreateVolume Errors and CreateSnapshot Errors). */
export const existsChecks: readonly Check[] = [
  {
    id: 'exists.larger',
    section: 'CreateVolume Errors',
    rule: 'The name of a volume that is too small for the new range is ALREADY_EXISTS.',
    needs: create,
    run: async (subject) => {
      const { sizeBytes } = subject.volumes;
      await takenBy(subject, { capacityRange: { requiredBytes: String(4 * sizeBytes), limitBytes: '0' } });
    },
  },
  {
    id: 'exists.smaller',
    section: 'CreateVolume Errors',
    rule: 'The name of a volume that is too large for the new range is ALREADY_EXISTS.',
    needs: create,
    run: async (subject) => {
      const bytes = String(subject.volumes.sizeBytes / 2);
      await takenBy(subject, { capacityRange: { requiredBytes: bytes, limitBytes: bytes } });
    },
  },
  {
    id: 'exists.compatible-range',
    section: 'CreateVolume',
    rule: 'The same name with another range that the volume is within is the same volume.',
    needs: create,
    run: async (subject) => {
      const name = subject.name();
      const first = await subject.create({ name });
      const capacityRange = { requiredBytes: '1', limitBytes: String(8 * subject.volumes.sizeBytes) };
      const second = await subject.create({ name, capacityRange });
      if (first.volumeId !== second.volumeId) fail('a second volume was made under the name');
    },
  },
  {
    id: 'exists.other-source',
    section: 'CreateVolume Errors',
    rule: 'The name of an empty volume is ALREADY_EXISTS for one that shall have content, and the other way round.',
    needs: [...create, 'controller:CREATE_DELETE_SNAPSHOT'],
    run: async (subject) => {
      const { volumeId } = await subject.create();
      const { snapshotId } = await subject.snapshot(volumeId);
      const volumeContentSource = { snapshot: { snapshotId } };
      await takenBy(subject, { volumeContentSource });
      const name = subject.name();
      await subject.create({ name, volumeContentSource });
      const call = subject.controller.CreateVolume(subject.request({ name }));
      await expectCode('an empty volume with the name of a restored one', call, 'ALREADY_EXISTS');
    },
  },
  {
    id: 'exists.other-access-type',
    section: 'CreateVolume Errors',
    rule: 'A name is ALREADY_EXISTS for another access type, unless the volume is confirmed to be good for both.',
    needs: create,
    run: async (subject) => {
      const { accessMode } = subject.volumes.capability;
      const other = subject.volumes.capability.block ? { mount: {}, accessMode } : { block: {}, accessMode };
      const volumeCapabilities = [other] as Init<csi.VolumeCapability>[];
      const probe = await codeOf(subject.controller.CreateVolume(subject.request({ volumeCapabilities })));
      if (probe !== 'OK') skip(`the driver has no such volumes with these parameters (${probe})`);
      const { volumeId } = await subject.create();
      const { confirmed } = await subject.controller.ValidateVolumeCapabilities({ volumeId, volumeCapabilities });
      if (confirmed) skip('its volumes are good for both access types');
      await takenBy(subject, { volumeCapabilities });
    },
  },
  {
    id: 'exists.snapshot-of-another',
    section: 'CreateSnapshot Errors',
    rule: "The name of one volume's snapshot is ALREADY_EXISTS for another's; for the same it is the same snapshot.",
    needs: [...create, 'controller:CREATE_DELETE_SNAPSHOT'],
    run: async (subject) => {
      const [one, other] = [await subject.create(), await subject.create()];
      const name = subject.name('snapshot');
      const first = await subject.snapshot(one.volumeId, name);
      const again = await subject.snapshot(one.volumeId, name);
      if (first.snapshotId !== again.snapshotId) fail('a second snapshot was made under the name');
      const call = subject.controller.CreateSnapshot({ name, sourceVolumeId: other.volumeId });
      await expectCode("another volume's snapshot of the same name", call, 'ALREADY_EXISTS');
    },
  },
];

/** A volume that is there keeps its name from the one described, and is unharmed. */
async function takenBy(subject: Subject, part: Part): Promise<void> {
  const name = subject.name();
  const { volumeId } = await subject.create({ name });
  const call = subject.controller.CreateVolume(subject.request({ ...part, name }));
  await expectCode('the second request', call, 'ALREADY_EXISTS');
  const again = await subject.create({ name });
  if (again.volumeId !== volumeId) fail('the first volume is not there any more');
}
