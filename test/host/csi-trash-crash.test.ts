import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { berthTrash } from '@berth/protos';
import { expect, test } from 'vitest';
import { type DriverProcess, driverFolder, startDriverProcess } from '../harness/driver-process.ts';
import { capabilityOf } from '../harness/image-driver.ts';

const volumeCapability = capabilityOf({ mount: {} });
const count = 12;
const rounds = 6;

async function create({ controller }: DriverProcess, name: string, trashTTL = '30d'): Promise<string> {
  const { volume } = await controller.CreateVolume({
    name,
    volumeCapabilities: [volumeCapability],
    parameters: { onDelete: 'trash', trashTTL },
  });
  return volume!.volumeId;
}

/** Deletes and restores them again and again, all at once, until the driver is killed. */
async function churn(driver: DriverProcess, ids: readonly string[]): Promise<void> {
  const trash = driver.connection.service(berthTrash);
  await Promise.all(
    ids.map(async (volumeId) => {
      for (;;) {
        await driver.controller.DeleteVolume({ volumeId });
        await trash.Undelete({ volumeId });
      }
    }),
  ).catch(() => undefined);
}

async function present(driver: DriverProcess) {
  const trash = driver.connection.service(berthTrash);
  const { entries: live } = await driver.controller.ListVolumes({ maxEntries: 0, startingToken: '' });
  const { entries: gone } = await trash.ListTrash({ maxEntries: 0, startingToken: '' });
  return {
    live: live.flatMap(({ volume }) => (volume ? [volume.volumeId] : [])),
    gone: gone.flatMap(({ volume }) => (volume ? [volume.volumeId] : [])),
  };
}

test('kill -9 between deleting and restoring leaves each volume in one place, with its content', async () => {
  using place = driverFolder();
  let driver = await startDriverProcess(place.folder);
  await using _driver = { [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose]() };
  const ids: string[] = [];
  for (let i = 0; i < count; i++) ids.push(await create(driver, `pvc-${i}`));
  const file = (id: string) => join(place.folder, 'pool', 'volumes', id, 'file');
  for (const id of ids) writeFileSync(file(id), id);
  for (let round = 0; round < rounds; round++) {
    const churning = churn(driver, ids);
    await new Promise((resolve) => setTimeout(resolve, 60 + round * 37));
    await driver.kill();
    await churning;
    driver = await startDriverProcess(place.folder);
    const { live, gone } = await present(driver);
    expect([...live, ...gone].sort()).toEqual(ids.toSorted());
    expect(driver.log()).not.toMatch(/missing from the pool|does not know|half-made/);
    for (const volumeId of gone) await driver.connection.service(berthTrash).Undelete({ volumeId });
  }
  for (const id of ids) expect(readFileSync(file(id), 'utf8')).toBe(id);
  expect((await present(driver)).live.sort()).toEqual(ids.toSorted());
});

test('kill -9 while the trash is emptied: what is over its time goes, at the next start at the latest', async () => {
  using place = driverFolder();
  let driver = await startDriverProcess(place.folder);
  await using _driver = { [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose]() };
  const [over, kept] = [[] as string[], [] as string[]];
  for (let i = 0; i < count; i++) {
    over.push(await create(driver, `over-${i}`, '1s'));
    kept.push(await create(driver, `kept-${i}`));
  }
  const volumes = join(place.folder, 'pool', 'volumes');
  for (const id of [...over, ...kept]) mkdirSync(join(volumes, id, 'folder'));
  for (const volumeId of [...over, ...kept]) await driver.controller.DeleteVolume({ volumeId });
  await expect.poll(() => over.some((id) => !existsSync(join(volumes, id))), { interval: 1 }).toBe(true);
  await driver.kill();
  driver = await startDriverProcess(place.folder);
  await expect.poll(() => readdirSync(volumes).sort()).toEqual(kept.toSorted());
  await expect.poll(async () => await present(driver)).toEqual({ live: [], gone: kept });
  await expect.poll(() => readdirSync(join(place.folder, 'pool', 'trash'))).toEqual([]);
  const volumeId = over[0]!;
  const undelete = driver.connection.service(berthTrash).Undelete({ volumeId });
  await expect(undelete).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
