import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { mountPool } from '../../harness/mount-pool.ts';
import { median, ms, type Table } from '../table.ts';
import { benchFolder, create, places, startBuilt } from './a-driver.ts';
import { took } from './rates.ts';

const GiB = 2 ** 30;

/** What a volume with a filesystem of its own costs, and a clone of a large one. */
export async function benchVolumes(table: Table, rounds: number): Promise<void> {
  using place = benchFolder();
  await mountPool(place.folder, { pool: join(place.folder, 'pool'), poolFs: 'xfs', poolMiB: 16 * 1024 });
  await using driver = await startBuilt(place.folder);
  const image = { bytes: GiB, fsType: 'ext4', parameters: { backend: 'image' } };
  const lives: number[] = [];
  for (let round = 0; round < rounds * 2; round++) {
    const undo: (() => Promise<unknown>)[] = [];
    const life = await took(async () => {
      const volumeId = await create(driver, `image-${round}`, image);
      const own = places(place.folder, volumeId, 'ext4');
      await driver.node.NodeStageVolume(own);
      await driver.node.NodePublishVolume(own);
      undo.push(
        () => driver.node.NodeUnpublishVolume(own),
        () => driver.node.NodeUnstageVolume(own),
        () => driver.controller.DeleteVolume({ volumeId }),
      );
    });
    // The first pays for what mkfs reads from the disk.
    if (round > 0) lives.push(life);
    for (const step of undo) await step();
  }
  table.record('image volume, 1 GiB ext4: create, stage, publish', '≤ 40 ms', '–', ms(lives));
  const large = await create(driver, 'large', { bytes: 10 * GiB, parameters: { backend: 'image' } });
  writeInPieces(join(place.folder, 'pool/images', large));
  const clones: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const wish = { bytes: 10 * GiB, parameters: { backend: 'image' }, sourceVolumeId: large };
    let volumeId = '';
    clones.push(await took(async () => (volumeId = await create(driver, `clone-${round}`, wish))));
    await driver.controller.DeleteVolume({ volumeId });
  }
  table.record(
    'clone of a 10 GiB image, 1 GiB of it written in 1024 pieces, xfs pool',
    '≤ 50 ms',
    '–',
    `${median(clones).toFixed(1)} ms`,
  );
}

/** As a filesystem in use has it: pieces all over the image. */
function writeInPieces(image: string): void {
  const file = openSync(image, 'r+');
  const piece = Buffer.alloc(2 ** 20, 'data');
  for (let i = 0; i < 1024; i++) writeSync(file, piece, 0, piece.length, i * 10 * 2 ** 20);
  fsyncSync(file);
  closeSync(file);
}
