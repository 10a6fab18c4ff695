import { setImmediate } from 'node:timers/promises';
import { isErrno } from '@berth/linux';
import { type csi, grpcError, type Init } from '@berth/protos';
import type { ByteRange, SnapshotBlocks } from '../backend/backend.ts';
import type { SnapshotRecord } from '../catalog/snapshot-record.ts';
import type { Methods, StreamMethod } from '../pipeline/pipeline.ts';
import { requireFields } from '../rules/required.ts';
import { getSnapshotRecord, type ServiceContext } from './services.ts';

type Allocated = StreamMethod<csi.GetMetadataAllocatedRequest, csi.GetMetadataAllocatedResponse>;
type Delta = StreamMethod<csi.GetMetadataDeltaRequest, csi.GetMetadataDeltaResponse>;

/** Ranges in one message, where the CO sets no lower number: some tens of kilobytes. */
const maxRanges = 2048;

/** CSI SnapshotMetadata: which blocks of a snapshot hold data, and which changed since another. */
export function snapshotMetadataMethods(context: ServiceContext): Methods<csi.SnapshotMetadataService> {
  return { GetMetadataAllocated: allocated(context), GetMetadataDelta: delta(context) };
}

function allocated(context: ServiceContext): Allocated {
  return {
    validate: (request) => {
      requireFields({ snapshot_id: request.snapshotId });
      checkNumbers(request);
    },
    async *stream(request, signal) {
      const snapshot = getSnapshotRecord(context, request.snapshotId);
      const blocks = blocksOf(context, snapshot);
      using _reading = context.jobs.sources.read(snapshot.id);
      const start = startOf(request, sizeOf(blocks, snapshot));
      yield* messages(request, sizeOf(blocks, snapshot), blocks.allocated(snapshot.id, start, signal));
    },
  };
}

function delta(context: ServiceContext): Delta {
  return {
    validate: (request) => {
      requireFields({ base_snapshot_id: request.baseSnapshotId, target_snapshot_id: request.targetSnapshotId });
      checkNumbers(request);
    },
    async *stream(request, signal) {
      const base = getSnapshotRecord(context, request.baseSnapshotId);
      const target = getSnapshotRecord(context, request.targetSnapshotId);
      refuseUnrelated(base, target);
      const blocks = blocksOf(context, target);
      using _base = context.jobs.sources.read(base.id);
      using _target = context.jobs.sources.read(target.id);
      const size = sizeOf(blocks, target);
      const start = startOf(request, size);
      // Of two that share blocks with their volume, a block elsewhere is one that was written.
      const exact = base.copiedBy !== 'reflink' || target.copiedBy !== 'reflink';
      sizeOf(blocks, base);
      yield* messages(request, size, blocks.changed({ base: base.id, target: target.id, start, exact }, signal));
    },
  };
}

function checkNumbers({ maxResults, startingOffset }: Pick<csi.GetMetadataAllocatedRequest, Numbers>): void {
  if (maxResults < 0) throw grpcError('INVALID_ARGUMENT', `max_results is ${maxResults}; it may not be negative`);
  if (startingOffset.startsWith('-')) {
    throw grpcError('OUT_OF_RANGE', `starting_offset is ${startingOffset}; it may not be negative`);
  }
}

type Numbers = 'maxResults' | 'startingOffset';

/** @throws GrpcError INVALID_ARGUMENT – snapshots of two volumes, or the base is the younger. */
function refuseUnrelated(base: SnapshotRecord, target: SnapshotRecord): void {
  if (base.sourceVolumeId !== target.sourceVolumeId) {
    throw grpcError(
      'INVALID_ARGUMENT',
      `snapshots "${base.id}" and "${target.id}" are of two volumes, "${base.sourceVolumeId}" and "${target.sourceVolumeId}"`,
    );
  }
  if (base.sequence > target.sequence) {
    throw grpcError('INVALID_ARGUMENT', `base snapshot "${base.id}" was taken after the target "${target.id}"`);
  }
}

function blocksOf(context: ServiceContext, snapshot: SnapshotRecord): SnapshotBlocks {
  const { blocks } = context.backends.of(snapshot);
  if (blocks) return blocks;
  throw grpcError(
    'FAILED_PRECONDITION',
    `snapshot "${snapshot.id}" is a directory of the backend "${snapshot.backend}", which has no blocks to tell of`,
  );
}

function sizeOf(blocks: SnapshotBlocks, { id }: SnapshotRecord): number {
  try {
    return blocks.sizeOf(id);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    throw grpcError('DATA_LOSS', `snapshot "${id}" is in the catalog, but its data is missing from the pool`);
  }
}

/** @throws GrpcError OUT_OF_RANGE – beyond the end. */
function startOf({ startingOffset }: Pick<csi.GetMetadataAllocatedRequest, Numbers>, size: number): number {
  if (BigInt(startingOffset) <= BigInt(size)) return Number(startingOffset);
  throw grpcError('OUT_OF_RANGE', `starting_offset is ${startingOffset}; the snapshot has ${size} bytes`);
}

/** There is one message at least: it tells the size. */
async function* messages(
  { maxResults }: Pick<csi.GetMetadataAllocatedRequest, Numbers>,
  size: number,
  ranges: AsyncIterable<ByteRange>,
): AsyncGenerator<Init<csi.GetMetadataAllocatedResponse>> {
  const most = maxResults === 0 ? maxRanges : Math.min(maxResults, maxRanges);
  const message = (blockMetadata: csi.BlockMetadata[]) => ({
    blockMetadataType: 'VARIABLE_LENGTH' as const,
    volumeCapacityBytes: String(size),
    blockMetadata,
  });
  let batch: csi.BlockMetadata[] = [];
  let sent = false;
  for await (const { offset, length } of ranges) {
    batch.push({ byteOffset: String(offset), sizeBytes: String(length) });
    if (batch.length < most) continue;
    // Finding ranges may cost the kernel a while, and a caller that reads fast asks for the next at once.
    await setImmediate();
    yield message(batch);
    sent = true;
    batch = [];
  }
  if (batch.length > 0 || !sent) yield message(batch);
}
