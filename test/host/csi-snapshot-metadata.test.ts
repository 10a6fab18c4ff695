import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { seededRng } from '@berth/kit';
import type { csi } from '@berth/protos';
import { expect, test } from 'vitest';
import { type DriverProcess, startDriverProcess } from '../harness/driver-process.ts';
import { createImage, imageFolder, useImage } from '../harness/image-driver.ts';

const MiB = 1024 ** 2;
const sizeMiB = 24;
const block = { block: {} };
const code = (name: string) => expect.objectContaining({ code: name });

interface Told {
  readonly ranges: { offset: number; length: number }[];
  readonly messages: number;
}

/** Reads a stream to its end, and holds it to the rules of the spec for ranges. */
async function told(
  stream: AsyncIterable<csi.GetMetadataAllocatedResponse>,
  { start = 0, maxResults = Number.POSITIVE_INFINITY } = {},
): Promise<Told> {
  const ranges: { offset: number; length: number }[] = [];
  let messages = 0;
  for await (const message of stream) {
    messages++;
    expect(message).toMatchObject({ blockMetadataType: 'VARIABLE_LENGTH', volumeCapacityBytes: `${sizeMiB * MiB}` });
    expect(message.blockMetadata.length).toBeLessThanOrEqual(maxResults);
    for (const { byteOffset, sizeBytes } of message.blockMetadata) {
      ranges.push({ offset: Number(byteOffset), length: Number(sizeBytes) });
    }
  }
  let end = 0;
  for (const [index, { offset, length }] of ranges.entries()) {
    expect(length).toBeGreaterThan(0);
    expect(offset).toBeGreaterThanOrEqual(end);
    if (index === 0) expect(offset + length).toBeGreaterThan(start);
    end = offset + length;
  }
  expect(end).toBeLessThanOrEqual(sizeMiB * MiB);
  return { ranges, messages };
}

/** Writes random bytes, zeros and holes at random places of a device. @returns how many bytes at most. */
function scribble(device: string, rng: { next(): number }): number {
  const file = openSync(device, 'r+');
  let written = 0;
  for (let count = 0; count < 20; count++) {
    const length = 512 * (1 + Math.floor(rng.next() * 64));
    const offset = 512 * Math.floor((rng.next() * (sizeMiB * MiB - length)) / 512);
    written += length + 2 * 4096;
    const what = rng.next();
    if (what < 0.7) writeSync(file, randomBytes(length), 0, length, offset);
    else if (what < 0.85) writeSync(file, Buffer.alloc(length), 0, length, offset);
    else {
      const whole = Math.ceil(length / 4096) * 4096;
      const at = Math.min(Math.floor(offset / 4096) * 4096, sizeMiB * MiB - whole);
      written += whole - length;
      fsyncSync(file);
      execFileSync('blkdiscard', ['-o', `${at}`, '-l', `${whole}`, device]);
    }
  }
  fsyncSync(file);
  closeSync(file);
  return written;
}

interface Scene {
  readonly driver: DriverProcess;
  readonly folder: string;
  readonly pool: string;
}

/** Some snapshots of a block volume that was written to in between, with their contents. */
async function history({ driver, folder, pool }: Scene, rounds: number, seed: number) {
  const volumeId = await createImage(driver, 'pvc', { access: block, mib: sizeMiB });
  const rng = seededRng(seed);
  const steps: { id: string; content: Buffer; written: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const use = await useImage(driver, volumeId, { folder, access: block });
    const written = round === 0 ? 0 : scribble(use.targetPath, rng);
    // Not every pool can copy a device in use.
    await use.release();
    const { snapshot } = await driver.controller.CreateSnapshot({ name: `s${round}`, sourceVolumeId: volumeId });
    const id = snapshot!.snapshotId;
    steps.push({ id, content: readFileSync(join(pool, 'image-snapshots', id)), written });
  }
  return { volumeId, steps };
}

function applied(base: Buffer, target: Buffer, { ranges }: Told): Buffer {
  const result = Buffer.from(base);
  for (const { offset, length } of ranges) target.copy(result, offset, offset, offset + length);
  return result;
}

for (const [poolFs, shares] of [
  ['xfs', true],
  ['btrfs', true],
  [undefined, false],
] as const) {
  test(`on ${poolFs ?? 'ext4'}, what changed between two snapshots, applied to the first, gives the second`, async () => {
    await using place = await imageFolder(poolFs);
    await using driver = await startDriverProcess(place.folder);
    const { steps } = await history({ ...place, driver }, 6, 42);
    for (const [later, target] of steps.entries()) {
      const { ranges } = await told(driver.metadata.GetMetadataAllocated({ snapshotId: target.id }));
      const zeros = Buffer.alloc(target.content.length);
      expect(applied(zeros, target.content, { ranges, messages: 0 }).equals(target.content)).toBe(true);
      for (const [earlier, base] of steps.slice(0, later + 1).entries()) {
        const ids = { baseSnapshotId: base.id, targetSnapshotId: target.id };
        const delta = await told(driver.metadata.GetMetadataDelta(ids));
        expect(applied(base.content, target.content, delta).equals(target.content)).toBe(true);
        const changed = delta.ranges.reduce((sum, { length }) => sum + length, 0);
        const written = steps.slice(earlier + 1, later + 1).reduce((sum, step) => sum + step.written, 0);
        expect(changed).toBeLessThanOrEqual(shares ? written * 2 : written);
        if (earlier === later) expect(delta).toEqual({ ranges: [], messages: 1 });
      }
    }
  });
}

test('a stream goes on where another was broken off, in messages as small as asked', async () => {
  await using place = await imageFolder('xfs');
  await using driver = await startDriverProcess(place.folder);
  const { steps } = await history({ ...place, driver }, 2, 7);
  const [base, target] = steps as [(typeof steps)[0], (typeof steps)[0]];
  const ids = { baseSnapshotId: base.id, targetSnapshotId: target.id };
  const all = await told(driver.metadata.GetMetadataDelta(ids));
  expect(all.ranges.length).toBeGreaterThan(5);
  for (const maxResults of [1, 3]) {
    const small = await told(driver.metadata.GetMetadataDelta({ ...ids, maxResults }), { maxResults });
    expect(small.ranges).toEqual(all.ranges);
    expect(small.messages).toBe(Math.ceil(all.ranges.length / maxResults));
  }
  for (const { offset, length } of all.ranges) {
    const next = offset + length;
    const rest = await told(driver.metadata.GetMetadataDelta({ ...ids, startingOffset: `${next}` }), { start: next });
    expect(rest.ranges).toEqual(all.ranges.filter((range) => range.offset >= next));
    const middle = offset + 1;
    const part = await told(driver.metadata.GetMetadataDelta({ ...ids, startingOffset: `${middle}` }), {
      start: middle,
    });
    expect(part.ranges).toEqual(all.ranges.filter((range) => range.offset >= offset));
  }
  // Given up in the middle: the snapshot is free again.
  for await (const _ of driver.metadata.GetMetadataDelta({ ...ids, maxResults: 1 })) break;
  await expect.poll(() => driver.controller.DeleteSnapshot({ snapshotId: base.id }).catch((e) => e)).toEqual({});
});

test('what cannot be asked is refused with the codes of the spec', async () => {
  await using place = await imageFolder('xfs');
  await using driver = await startDriverProcess(place.folder);
  const { steps } = await history({ ...place, driver }, 2, 7);
  const [base, target] = steps.map(({ id }) => id) as [string, string];
  const other = await createImage(driver, 'other', { access: block, mib: sizeMiB });
  const { snapshot } = await driver.controller.CreateSnapshot({ name: 'other', sourceVolumeId: other });
  const allocated = (request: object) => told(driver.metadata.GetMetadataAllocated({ snapshotId: base, ...request }));
  const ids = { baseSnapshotId: base, targetSnapshotId: target };
  const delta = (request: object) => told(driver.metadata.GetMetadataDelta({ ...ids, ...request }));
  for (const [request, expected] of [
    [{ startingOffset: '-1' }, 'OUT_OF_RANGE'],
    [{ startingOffset: `${sizeMiB * MiB + 1}` }, 'OUT_OF_RANGE'],
    [{ startingOffset: '9223372036854775807' }, 'OUT_OF_RANGE'],
    [{ maxResults: -1 }, 'INVALID_ARGUMENT'],
  ] as const) {
    await expect(allocated(request)).rejects.toEqual(code(expected));
    await expect(delta(request)).rejects.toEqual(code(expected));
  }
  await expect(allocated({ snapshotId: '' })).rejects.toEqual(code('INVALID_ARGUMENT'));
  await expect(allocated({ snapshotId: 'x'.repeat(129) })).rejects.toEqual(code('INVALID_ARGUMENT'));
  await expect(allocated({ snapshotId: '../images/x' })).rejects.toEqual(code('NOT_FOUND'));
  await expect(delta({ targetSnapshotId: '' })).rejects.toEqual(code('INVALID_ARGUMENT'));
  await expect(delta({ baseSnapshotId: 'unknown' })).rejects.toEqual(code('NOT_FOUND'));
  await expect(delta({ targetSnapshotId: snapshot!.snapshotId })).rejects.toEqual(code('INVALID_ARGUMENT'));
  await expect(delta({ baseSnapshotId: target, targetSnapshotId: base })).rejects.toEqual(code('INVALID_ARGUMENT'));
  expect(await allocated({ startingOffset: `${sizeMiB * MiB}` })).toEqual({ ranges: [], messages: 1 });
  rmSync(join(place.pool, 'image-snapshots', target));
  await expect(delta({})).rejects.toEqual(code('DATA_LOSS'));
});

test('a volume that grew in between: the delta has what was added, and directories have no blocks', async () => {
  await using place = await imageFolder('xfs');
  await using driver = await startDriverProcess(place.folder);
  const volumeId = await createImage(driver, 'pvc', { access: block, mib: 8 });
  const base = (await driver.controller.CreateSnapshot({ name: 'a', sourceVolumeId: volumeId })).snapshot!;
  await driver.controller.ControllerExpandVolume({
    volumeId,
    capacityRange: { requiredBytes: `${sizeMiB * MiB}`, limitBytes: '0' },
  });
  const use = await useImage(driver, volumeId, { folder: place.folder, access: block });
  const file = openSync(use.targetPath, 'r+');
  writeSync(file, randomBytes(4096), 0, 4096, 20 * MiB);
  fsyncSync(file);
  closeSync(file);
  const target = (await driver.controller.CreateSnapshot({ name: 'b', sourceVolumeId: volumeId })).snapshot!;
  const ids = { baseSnapshotId: base.snapshotId, targetSnapshotId: target.snapshotId };
  expect((await told(driver.metadata.GetMetadataDelta(ids))).ranges).toEqual([{ offset: 20 * MiB, length: 4096 }]);
  await use.release();
  const directory = await driver.controller.CreateVolume({
    name: 'directory',
    volumeCapabilities: [{ mount: {}, accessMode: { mode: 'SINGLE_NODE_WRITER' } }],
  });
  const sourceVolumeId = directory.volume!.volumeId;
  const { snapshot } = await driver.controller.CreateSnapshot({ name: 'c', sourceVolumeId });
  await expect(told(driver.metadata.GetMetadataAllocated({ snapshotId: snapshot!.snapshotId }))).rejects.toEqual(
    code('FAILED_PRECONDITION'),
  );
});
