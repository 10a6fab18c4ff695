import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type InProcessDriver, startInProcess } from '../harness/in-process-driver.ts';
import { type LifeKind, volumeKinds } from '../harness/life-kinds.ts';
import { lifePlace } from '../harness/life-place.ts';

const MiB = 1024 ** 2;
const blockBytes = 4096;

/**
 * A workload whose every moment can be told: it writes generation after generation, the number of each filling a block of
 * its own, one block after the other, each on the disk before the next. At any one moment the blocks of a true copy are
 * a generation, and from some block on the one before. Where files are copied one after the other each is replaced as a
 * whole, as programs do that want to be read meanwhile: what is written in place while it is read is of no one moment.
 */
const workload = `
  const fs = require('fs');
  const [kind, target, blocks] = process.argv.slice(1);
  const fds = Array.from({ length: Number(blocks) }, (_, i) =>
    kind === 'block' ? fs.openSync(target, 'r+') : fs.openSync(target + '/' + String(i).padStart(3, '0'), 'w+'));
  for (let generation = 1; ; generation++) {
    for (const [i, fd] of fds.entries()) {
      const data = Buffer.alloc(${blockBytes});
      for (let at = 0; at < ${blockBytes}; at += 4) data.writeUInt32LE(generation, at);
      if (kind === 'directory') {
        const name = target + '/' + String(i).padStart(3, '0');
        fs.writeFileSync(name + '.new', data);
        fs.renameSync(name + '.new', name);
        continue;
      }
      fs.writeSync(fd, data, 0, ${blockBytes}, kind === 'block' ? ${2 * MiB} + i * ${blockBytes} : 0);
      fs.fsyncSync(fd);
    }
    if (generation === 2) process.stdout.write('ready');
  }`;

const blocks = 64;

async function startWorkload(kind: LifeKind, target: string): Promise<AsyncDisposable> {
  const child = spawn(process.execPath, ['-e', workload, workloadOf(kind), target, String(blocks)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function workloadOf(kind: LifeKind): string {
  if ('block' in kind.access) return 'block';
  return kind === volumeKinds['directory'] ? 'directory' : 'mount';
}

/** What each block or file holds: one generation, or several where the copy tore it. */
function generations(kind: LifeKind, target: string): number[][] {
  return Array.from({ length: blocks }, (_, i) => {
    const data = 'block' in kind.access ? readBlock(target, i) : readFileSync(join(target, String(i).padStart(3, '0')));
    const found = new Set<number>();
    for (let at = 0; at + 4 <= data.length; at += 4) found.add(data.readUInt32LE(at));
    return [...found];
  });
}

function readBlock(device: string, index: number): Buffer {
  const bytes = Buffer.alloc(blockBytes);
  const fd = openSync(device, 'r');
  readSync(fd, bytes, 0, blockBytes, 2 * MiB + index * blockBytes);
  closeSync(fd);
  return bytes;
}

async function use(
  driver: InProcessDriver,
  kind: LifeKind,
  { folder, volumeId }: { folder: string; volumeId: string },
) {
  const volumeCapability = { ...kind.access, accessMode: { mode: 'SINGLE_NODE_WRITER' as const } };
  const paths = {
    stagingTargetPath: join(folder, `stage-${volumeId}`),
    targetPath: join(folder, `target-${volumeId}`),
  };
  mkdirSync(paths.stagingTargetPath);
  await driver.node.NodeStageVolume({ volumeId, stagingTargetPath: paths.stagingTargetPath, volumeCapability });
  await driver.node.NodePublishVolume({ volumeId, ...paths, volumeCapability });
  return {
    target: paths.targetPath,
    [Symbol.asyncDispose]: async () => {
      await driver.node.NodeUnpublishVolume({ volumeId, targetPath: paths.targetPath });
      await driver.node.NodeUnstageVolume({ volumeId, stagingTargetPath: paths.stagingTargetPath });
    },
  };
}

for (const [what, kind] of Object.entries(volumeKinds)) {
  const moment = what === 'directory' ? 'each file as it was at some moment' : 'all of it as it was at one moment';
  test(`${what}: snapshots and clones of a volume that is being written to hold ${moment}, byte by byte`, async () => {
    using place = await lifePlace(kind.poolFs);
    await using driver = await startInProcess({ ...place, log: () => undefined });
    const create = async (name: string, source?: object) => {
      const { volume } = await driver.controller.CreateVolume({
        name,
        volumeCapabilities: [{ ...kind.access, accessMode: { mode: 'SINGLE_NODE_WRITER' } }],
        capacityRange: { requiredBytes: String(16 * MiB), limitBytes: '0' },
        parameters: { ...kind.parameters },
        ...(source ? { volumeContentSource: source } : {}),
      });
      return volume!.volumeId;
    };
    const source = await create('source');
    const copies: string[] = [];
    {
      await using used = await use(driver, kind, { folder: place.folder, volumeId: source });
      await using _busy = await startWorkload(kind, used.target);
      for (let round = 0; round < 4; round++) {
        const { snapshot } = await driver.controller.CreateSnapshot({ name: `snap-${round}`, sourceVolumeId: source });
        copies.push(await create(`restored-${round}`, { snapshot: { snapshotId: snapshot!.snapshotId } }));
        copies.push(await create(`clone-${round}`, { volume: { volumeId: source } }));
      }
    }
    let last = 0;
    for (const volumeId of copies) {
      await using used = await use(driver, kind, { folder: place.folder, volumeId });
      const found = generations(kind, used.target);
      if (what === 'directory') {
        expect(found.filter((one) => one.length > 1)).toEqual([]);
        continue;
      }
      const flat = found.map((one) => one[0] as number);
      expect(found.filter((one) => one.length !== 1)).toEqual([]);
      const [first, end] = [flat[0] as number, flat.at(-1) as number];
      expect(flat, 'never newer behind than in front').toEqual(flat.toSorted((a, b) => b - a));
      expect(first - end).toBeLessThanOrEqual(1);
      // Later copies are of later moments.
      expect(first).toBeGreaterThanOrEqual(last);
      last = first;
    }
    expect(new Set(readdirSync(place.folder)).size).toBeGreaterThan(copies.length);
  });
}

test('a clone and its source share nothing afterwards: what one writes the other never sees', async () => {
  for (const kind of Object.values(volumeKinds).filter(({ access }) => 'mount' in access)) {
    using place = await lifePlace(kind.poolFs);
    await using driver = await startInProcess({ ...place, log: () => undefined });
    const volumeCapabilities = [{ ...kind.access, accessMode: { mode: 'SINGLE_NODE_WRITER' as const } }];
    const wish = { volumeCapabilities, capacityRange: { requiredBytes: String(16 * MiB), limitBytes: '0' } };
    const parameters = { ...kind.parameters };
    const { volume: source } = await driver.controller.CreateVolume({ ...wish, name: 'source', parameters });
    await using first = await use(driver, kind, { folder: place.folder, volumeId: source!.volumeId });
    writeFileSync(join(first.target, 'file'), Buffer.alloc(MiB, 'source'));
    const volumeContentSource = { volume: { volumeId: source!.volumeId } };
    const { volume: clone } = await driver.controller.CreateVolume({
      ...wish,
      name: 'clone',
      parameters,
      volumeContentSource,
    });
    await using second = await use(driver, kind, { folder: place.folder, volumeId: clone!.volumeId });
    writeFileSync(join(second.target, 'file'), Buffer.alloc(MiB, 'clone'));
    expect(readFileSync(join(first.target, 'file')).equals(Buffer.alloc(MiB, 'source'))).toBe(true);
    writeFileSync(join(first.target, 'file'), Buffer.alloc(MiB, 'later'));
    expect(readFileSync(join(second.target, 'file')).equals(Buffer.alloc(MiB, 'clone'))).toBe(true);
  }
});
