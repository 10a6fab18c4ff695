import { asGrpcError, type csi } from '@berth/protos';
import { type Check, expectCode, fail, skip } from '../check.ts';
import type { Subject } from '../subject.ts';

const needs = [
  'plugin:SNAPSHOT_METADATA_SERVICE',
  'controller:CREATE_DELETE_VOLUME',
  'controller:CREATE_DELETE_SNAPSHOT',
  'mounts',
] as const;

type Message = csi.GetMetadataAllocatedResponse | csi.GetMetadataDeltaResponse;

/** Blocks of snapshots (CSI spec, SnapshotMetadata). */
export const metadataChecks: readonly Check[] = [
  {
    id: 'metadata.ranges',
    section: 'GetMetadataAllocated',
    rule: 'Ranges ascend, do not overlap, lie within the capacity, are all of one kind; no message has more than asked for.',
    needs,
    run: async (subject) => {
      const snapshotId = await aSnapshot(subject);
      const whole = await allocated(subject, { snapshotId });
      const bytes = refuseDisorder(whole, 0);
      if (bytes < 64 * 1024) fail(`a snapshot of 64 KiB of data has ${bytes} bytes allocated`);
      const small = await allocated(subject, { snapshotId, maxResults: 1 });
      refuseDisorder(small, 1);
    },
  },
  {
    id: 'metadata.resume',
    section: 'GetMetadataAllocatedRequest.starting_offset',
    rule: 'A stream that begins at an offset gives what lies behind it, and of a range across it at least its end.',
    needs,
    run: async (subject) => {
      const snapshotId = await aSnapshot(subject);
      const ranges = (await allocated(subject, { snapshotId })).flatMap(({ blockMetadata }) => blockMetadata);
      const last = ranges.at(-1);
      if (!last) fail('a snapshot with data has no range');
      const start = BigInt(last.byteOffset);
      const rest = await allocated(subject, { snapshotId, startingOffset: String(start) });
      const end = rest.flatMap(({ blockMetadata }) => blockMetadata).at(-1);
      if (!end || endOf(end) !== endOf(last)) fail('the end of the last range is missing');
    },
  },
  {
    id: 'metadata.delta',
    section: 'GetMetadataDelta',
    rule: 'What was written between two snapshots is in their difference.',
    needs,
    run: async (subject) => {
      const volume = await subject.create();
      const base = await snapshotWith(subject, volume, 31);
      const next = await snapshotWith(subject, volume, 32);
      const request = { baseSnapshotId: base, targetSnapshotId: next };
      const messages = await offered(Array.fromAsync(subject.metadata.GetMetadataDelta(request)));
      if (refuseDisorder(messages, 0) < 64 * 1024) fail('less than was written has changed');
    },
  },
  {
    id: 'metadata.errors',
    section: 'GetMetadataAllocated Errors',
    rule: 'An unknown snapshot is NOT_FOUND, no id INVALID_ARGUMENT, an offset past the end OUT_OF_RANGE.',
    needs,
    run: async (subject) => {
      const snapshotId = await aSnapshot(subject);
      const first = await allocated(subject, { snapshotId });
      const ask = (request: object) => Array.fromAsync(subject.metadata.GetMetadataAllocated(request));
      await expectCode('an unknown snapshot', ask({ snapshotId: 'csictl-nobody-made-this' }), 'NOT_FOUND');
      await expectCode('no id', ask({}), 'INVALID_ARGUMENT');
      const past = String(BigInt(first[0]?.volumeCapacityBytes ?? '0') * 2n);
      await expectCode('an offset past the end', ask({ snapshotId, startingOffset: past }), 'OUT_OF_RANGE');
    },
  },
];

/** A snapshot of a volume with 64 KiB of data in it. */
async function aSnapshot(subject: Subject): Promise<string> {
  return await snapshotWith(subject, await subject.create(), 30);
}

/** Writes content and takes a snapshot when the volume is not in use. */
async function snapshotWith(subject: Subject, volume: csi.Volume, seed: number): Promise<string> {
  const staged = await subject.stage(volume);
  const target = await subject.publish(staged);
  subject.writeContent(target, seed);
  await subject.unpublish(staged, target);
  await subject.unstage(staged);
  return (await subject.snapshot(volume.volumeId)).snapshotId;
}

function allocated(subject: Subject, request: object): Promise<csi.GetMetadataAllocatedResponse[]> {
  return offered(Array.fromAsync(subject.metadata.GetMetadataAllocated(request)));
}

/** A driver may have the service and not for every kind of volume. */
async function offered<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    const { code, message } = asGrpcError(error);
    if (code === 'UNIMPLEMENTED' || code === 'FAILED_PRECONDITION') skip(`not for these volumes: ${message}`);
    throw error;
  }
}

/** @returns the bytes in all ranges. */
function refuseDisorder(messages: readonly Message[], maxResults: number): bigint {
  let [end, total] = [0n, 0n];
  const kinds = new Set(messages.map(({ blockMetadataType }) => blockMetadataType));
  if (kinds.size > 1 || kinds.has('UNKNOWN')) fail(`the kinds of ranges are ${[...kinds].join(', ')}`);
  for (const { blockMetadata, volumeCapacityBytes } of messages) {
    if (maxResults > 0 && blockMetadata.length > maxResults) fail(`a message has ${blockMetadata.length} ranges`);
    for (const range of blockMetadata) {
      if (BigInt(range.byteOffset) < end) fail(`a range at ${range.byteOffset} comes after one that ends at ${end}`);
      if (BigInt(range.sizeBytes) <= 0n) fail(`a range at ${range.byteOffset} has ${range.sizeBytes} bytes`);
      end = endOf(range);
      total += BigInt(range.sizeBytes);
      if (end > BigInt(volumeCapacityBytes)) fail(`a range ends at ${end}, past the capacity ${volumeCapacityBytes}`);
    }
  }
  return total;
}

function endOf({ byteOffset, sizeBytes }: csi.BlockMetadata): bigint {
  return BigInt(byteOffset) + BigInt(sizeBytes);
}
