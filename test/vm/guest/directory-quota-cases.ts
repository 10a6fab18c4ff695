import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openRoot, projectOf, projectUsage } from '@berth/linux';
import { startDriverProcess } from '../../harness/driver-process.ts';
import { createVolume, driverPlace, MiB, useVolume } from './csi-calls.ts';
import { startDriverHere } from './driver-here.ts';
import type { GuestCase } from './guest-case.ts';
import { until } from './until.ts';
import { writeAsUser } from './write-as.ts';

function projectIn(pool: string, id: string, folder = 'volumes'): number {
  using directory = openRoot(join(pool, folder, id));
  return projectOf(directory);
}

function usageIn(pool: string, project: number) {
  using directory = openRoot(pool);
  return projectUsage(directory, project);
}

const enforced = 'csi.berth.local/size-enforced';
const kinds = [
  { fsType: 'ext4', refusal: 'EDQUOT' },
  { fsType: 'xfs', refusal: 'ENOSPC' },
] as const;

const everywhere = kinds.flatMap(({ fsType, refusal }): GuestCase[] => [
  {
    name: `a directory on ${fsType} stops its writer at the claim's size with ${refusal}, and grows and shrinks while it is used`,
    run: async () => {
      using here = driverPlace(fsType);
      await using driver = await startDriverHere(here.folder);
      const { controller, node } = driver;
      const { volumeId, volumeContext } = await createVolume(driver, 'a', {
        mib: 24,
        parameters: { quota: 'required' },
      });
      assert.equal(volumeContext?.[enforced], 'true');
      const { targetPath: target, release } = await useVolume(driver, volumeId, here);
      {
        const { blocks, bsize } = statfsSync(target);
        assert.equal(blocks * bsize, 24 * MiB);
      }
      assert.equal(writeAsUser(join(target, 'fill'), 64 * MiB), refusal);
      const { usage } = await node.NodeGetVolumeStats({ volumeId, volumePath: target });
      const bytes = usage?.find(({ unit }) => unit === 'BYTES');
      assert.equal(bytes?.total, String(24 * MiB));
      assert.ok(Number(bytes?.used) > 20 * MiB && Number(bytes?.used) <= 24 * MiB, bytes?.used);

      const grow = { requiredBytes: String(48 * MiB), limitBytes: '0' };
      const grown = await controller.ControllerExpandVolume({ volumeId, capacityRange: grow });
      assert.equal(grown.capacityBytes, String(48 * MiB));
      assert.equal(writeAsUser(join(target, 'more'), 4 * MiB), undefined);
      const shrink = { requiredBytes: String(8 * MiB), limitBytes: String(16 * MiB) };
      await assert.rejects(controller.ControllerExpandVolume({ volumeId, capacityRange: shrink }), {
        code: 'OUT_OF_RANGE',
      });
      assert.equal(writeAsUser(join(target, 'still'), 4 * MiB), undefined);
      for (const name of ['fill', 'still', 'more']) rmSync(join(target, name));
      await until(async () => {
        try {
          const { capacityBytes } = await controller.ControllerExpandVolume({ volumeId, capacityRange: shrink });
          return capacityBytes === String(8 * MiB);
        } catch (error) {
          // What was removed is given back a little later.
          assert.equal((error as { code?: string }).code, 'OUT_OF_RANGE');
          return false;
        }
      });
      assert.equal(writeAsUser(join(target, 'after'), 16 * MiB), refusal);
      await release();
      await controller.DeleteVolume({ volumeId });
    },
  },
  {
    name: `a snapshot on ${fsType} has no limit of its source, and a clone has its own`,
    run: async () => {
      using here = driverPlace(fsType);
      await using driver = await startDriverHere(here.folder);
      const { controller } = driver;
      const source = await createVolume(driver, 'source', { mib: 16 });
      const { targetPath: target, release } = await useVolume(driver, source.volumeId, here);
      assert.equal(writeAsUser(join(target, 'content'), 8 * MiB), undefined);
      const { snapshot } = await controller.CreateSnapshot({ name: 's', sourceVolumeId: source.volumeId });
      assert.ok(snapshot);
      const clone = await createVolume(driver, 'clone', {
        mib: 32,
        source: { snapshot: { snapshotId: snapshot.snapshotId } },
      });
      const { targetPath: copy, release: releaseCopy } = await useVolume(driver, clone.volumeId, here);
      assert.ok(readFileSync(join(copy, 'content')).equals(readFileSync(join(target, 'content'))));
      assert.equal(projectIn(here.pool, snapshot.snapshotId, 'snapshots'), 0);
      assert.notEqual(projectIn(here.pool, clone.volumeId), projectIn(here.pool, source.volumeId));
      assert.equal(writeAsUser(join(copy, 'more'), 16 * MiB), undefined);
      assert.equal(writeAsUser(join(copy, 'most'), 16 * MiB), refusal);
      assert.equal(writeAsUser(join(target, 'most'), 16 * MiB), refusal);
      await release();
      await releaseCopy();
    },
  },
]);

const withProjects = (['ext4', 'xfs'] as const).flatMap((fsType): GuestCase[] => [
  {
    name: `64 volumes at once on ${fsType} have a project each; deleting leaves no limit and no usage behind`,
    run: async () => {
      using here = driverPlace(fsType);
      await using driver = await startDriverHere(here.folder);
      const names = Array.from({ length: 64 }, (_, index) => `v${index}`);
      const volumes = await Promise.all(names.map((name) => createVolume(driver, name, { mib: 1 })));
      const projects = volumes.map(({ volumeId }) => projectIn(here.pool, volumeId));
      assert.equal(new Set(projects).size, 64);
      assert.ok(projects.every((id) => usageIn(here.pool, id).maxBytes === MiB));
      await Promise.all(volumes.map(({ volumeId }) => driver.controller.DeleteVolume({ volumeId })));
      await until(() =>
        projects.every((id) => {
          const { inodes, maxBytes, usedBytes } = usageIn(here.pool, id);
          return inodes === 0 && maxBytes === 0 && usedBytes === 0;
        }),
      );
      assert.deepEqual(readdirSync(join(here.pool, 'trash')), []);
    },
  },
  {
    name: `a project of ${fsType} whose files are still open is not given to another volume`,
    run: async () => {
      using here = driverPlace(fsType);
      const first = await startDriverHere(here.folder);
      const { volumeId } = await createVolume(first, 'first', { mib: 8 });
      const project = projectIn(here.pool, volumeId);
      writeFileSync(join(here.pool, 'volumes', volumeId, 'kept'), Buffer.alloc(MiB));
      using _kept = openRoot(join(here.pool, 'volumes', volumeId));
      await first.controller.DeleteVolume({ volumeId });
      await until(() => readdirSync(join(here.pool, 'trash')).length === 0);
      await first[Symbol.asyncDispose]();
      await using second = await startDriverHere(here.folder);
      const other = await createVolume(second, 'second', { mib: 8 });
      assert.ok(usageIn(here.pool, project).inodes > 0);
      assert.notEqual(projectIn(here.pool, other.volumeId), project);
    },
  },
  {
    name: `kill -9 in the middle of creates and deletes on ${fsType} leaves each volume with its own limit and nothing else`,
    run: async () => {
      using here = driverPlace(fsType);
      let driver = await startDriverProcess(here.folder);
      const limits = new Map<string, number>();
      for (let round = 0; round < (fsType === 'ext4' ? 2 : 1); round += 1) {
        const jobs = Array.from({ length: 24 }, async (_, index) => {
          const { volumeId } = await createVolume(driver, `r${round}-${index}`, { mib: 1 + (index % 3) });
          limits.set(volumeId, (1 + (index % 3)) * MiB);
          if (index % 2 === 0) await driver.controller.DeleteVolume({ volumeId });
        });
        const ended = Promise.allSettled(jobs);
        await jobs[round];
        await driver.kill();
        await ended;
        driver = await startDriverProcess(here.folder);
      }
      await until(() => readdirSync(join(here.pool, 'trash')).length === 0);
      const { entries } = await driver.controller.ListVolumes({});
      const kept = (entries ?? []).map(({ volume }) => volume?.volumeId ?? '').toSorted();
      assert.deepEqual(readdirSync(join(here.pool, 'volumes')).toSorted(), kept);
      const projects = kept.map((id) => projectIn(here.pool, id));
      assert.equal(new Set(projects).size, kept.length);
      for (const [index, id] of kept.entries()) {
        const { maxBytes } = usageIn(here.pool, projects[index] ?? 0);
        assert.ok(limits.get(id) === undefined || limits.get(id) === maxBytes, `${maxBytes}`);
        assert.ok(maxBytes > 0);
      }
      const first = Math.min(...projects, 0x42000000);
      await until(() =>
        Array.from({ length: 256 }, (_, offset) => first + offset)
          .filter((id) => !projects.includes(id))
          .every((id) => usageIn(here.pool, id).maxBytes === 0),
      );
      await driver[Symbol.asyncDispose]();
    },
  },
  {
    name: `${fsType} without quotas: auto says so, required is refused, image makes an image`,
    run: async () => {
      using here = driverPlace(fsType, []);
      await using driver = await startDriverHere(here.folder);
      assert.match(driver.log(), /sizes of directories are not enforced.*prjquota/);
      const plain = await createVolume(driver, 'plain', { mib: 8 });
      assert.equal(plain.volumeContext?.[enforced], 'false');
      const required = { quota: 'required' };
      await assert.rejects(createVolume(driver, 'required', { mib: 8, parameters: required }), {
        code: 'RESOURCE_EXHAUSTED',
      });
      await assert.rejects(createVolume(driver, 'bad', { mib: 8, parameters: { quota: 'yes' } }), {
        code: 'INVALID_ARGUMENT',
      });
      const { availableCapacity } = await driver.controller.GetCapacity({ parameters: required });
      assert.equal(availableCapacity, '0');
      const image = await createVolume(driver, 'image', { mib: 64, parameters: { quota: 'image' } });
      assert.equal(image.volumeContext?.[enforced], 'true');
      assert.equal(
        (await createVolume(driver, 'image', { mib: 64, parameters: { quota: 'image' } })).volumeId,
        image.volumeId,
      );
      assert.deepEqual(readdirSync(join(here.pool, 'images')), [image.volumeId]);
      assert.deepEqual(readdirSync(join(here.pool, 'volumes')), [plain.volumeId]);
    },
  },
  {
    name: `a volume with quota = required is not staged while ${fsType} is mounted without quotas`,
    run: async () => {
      using here = driverPlace(fsType);
      const first = await startDriverHere(here.folder);
      const { volumeId } = await createVolume(first, 'strict', { mib: 8, parameters: { quota: 'required' } });
      await first[Symbol.asyncDispose]();
      here.disk.remount([]);
      const second = await startDriverHere(here.folder);
      await assert.rejects(useVolume(second, volumeId, here), { code: 'FAILED_PRECONDITION', message: /prjquota/ });
      await second[Symbol.asyncDispose]();
      here.disk.remount(['prjquota']);
      await using third = await startDriverHere(here.folder);
      const { targetPath: target } = await useVolume(third, volumeId, here);
      assert.equal(writeAsUser(join(target, 'fill'), 32 * MiB), fsType === 'ext4' ? 'EDQUOT' : 'ENOSPC');
    },
  },
]);

export const cases: readonly GuestCase[] = [...everywhere, ...withProjects];
