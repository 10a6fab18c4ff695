import { type Check, codeOf, expectCode, fail } from '../check.ts';

const create = ['controller:CREATE_DELETE_VOLUME'] as const;

/** Sizes (CSI spec, CapacityRange and CreateVolume Errors). */
export const capacityChecks: readonly Check[] = [
  {
    id: 'capacity.within-the-range',
    section: 'CapacityRange',
    rule: 'A volume has at least required_bytes and at most limit_bytes, or is not made.',
    needs: create,
    run: async (subject) => {
      const size = subject.volumes.sizeBytes;
      for (const [required, limit] of [
        [size, size],
        [size, 2 * size],
        [size + 1, 2 * size],
        [0, 2 * size],
      ] as const) {
        const capacityRange = { requiredBytes: String(required), limitBytes: String(limit) };
        const call = subject.controller.CreateVolume(subject.request({ capacityRange }));
        const code = await codeOf(call);
        // A size between two steps of the storage may be one it cannot have.
        if (code === 'OUT_OF_RANGE' && required === size + 1) continue;
        if (code !== 'OK') fail(`a range of ${required} to ${limit} gives ${code}`);
        const got = Number((await call).volume?.capacityBytes ?? 0);
        if (got !== 0 && (got < required || got > limit)) fail(`a range of ${required} to ${limit} gives ${got} bytes`);
      }
    },
  },
  {
    id: 'capacity.limit-below-required',
    section: 'CreateVolume Errors',
    rule: 'A limit below the required size is INVALID_ARGUMENT or OUT_OF_RANGE.',
    needs: create,
    run: async (subject) => {
      const size = subject.volumes.sizeBytes;
      const capacityRange = { requiredBytes: String(2 * size), limitBytes: String(size) };
      const call = subject.controller.CreateVolume(subject.request({ capacityRange }));
      await expectCode('a limit below the required size', call, 'INVALID_ARGUMENT', 'OUT_OF_RANGE');
    },
  },
  {
    id: 'capacity.negative',
    section: 'CapacityRange',
    rule: 'Negative sizes are INVALID_ARGUMENT or OUT_OF_RANGE.',
    needs: create,
    run: async (subject) => {
      for (const capacityRange of [
        { requiredBytes: '-1', limitBytes: '0' },
        { requiredBytes: '0', limitBytes: '-1' },
        { requiredBytes: '-9223372036854775808', limitBytes: '0' },
      ]) {
        const call = subject.controller.CreateVolume(subject.request({ capacityRange }));
        await expectCode(`a range of ${JSON.stringify(capacityRange)}`, call, 'INVALID_ARGUMENT', 'OUT_OF_RANGE');
      }
    },
  },
  {
    id: 'capacity.more-than-there-is',
    section: 'CreateVolume Errors',
    rule: 'A size that nothing can hold (4 EiB) is OUT_OF_RANGE or RESOURCE_EXHAUSTED.',
    needs: create,
    run: async (subject) => {
      const capacityRange = { requiredBytes: String(2n ** 62n), limitBytes: '0' };
      const call = subject.controller.CreateVolume(subject.request({ capacityRange }));
      await expectCode('a volume of 4 EiB', call, 'OUT_OF_RANGE', 'RESOURCE_EXHAUSTED');
    },
  },
  {
    id: 'capacity.smaller-than-its-source',
    section: 'CreateVolume Errors',
    rule: 'A volume that may not be as large as the snapshot it is made from is OUT_OF_RANGE.',
    needs: [...create, 'controller:CREATE_DELETE_SNAPSHOT'],
    run: async (subject) => {
      const { volumeId } = await subject.create();
      const { snapshotId, sizeBytes } = await subject.snapshot(volumeId);
      if (sizeBytes === '0') return;
      const limitBytes = String(Math.floor(Number(sizeBytes) / 4));
      const volumeContentSource = { snapshot: { snapshotId } };
      const request = subject.request({
        volumeContentSource,
        capacityRange: { requiredBytes: limitBytes, limitBytes },
      });
      await expectCode('a restore into less', subject.controller.CreateVolume(request), 'OUT_OF_RANGE');
    },
  },
  {
    id: 'capacity.get-capacity',
    section: 'GetCapacity',
    rule: 'GetCapacity answers for the class of the volumes with a size that is not negative, bounds included.',
    needs: ['controller:GET_CAPACITY'],
    run: async (subject) => {
      const { parameters } = subject.volumes;
      const answer = await subject.controller.GetCapacity({ parameters, volumeCapabilities: [subject.capability()] });
      const { availableCapacity, maximumVolumeSize, minimumVolumeSize } = answer;
      for (const bytes of [availableCapacity, maximumVolumeSize?.value ?? '0', minimumVolumeSize?.value ?? '0'])
        if (BigInt(bytes) < 0n) fail(`it answers ${bytes}`);
    },
  },
];
