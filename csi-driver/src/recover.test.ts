import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@berth/kit';
import { grpcError } from '@berth/protos';
import { expect, test, vi } from 'vitest';
import { recover } from './recover.ts';
import { serviceHarness } from './services/service.harness.ts';

const begin = { name: 'pvc-1', id: 'id-1', capacityBytes: 1000, backend: 'directory', parameters: {}, context: {} };

async function recovered(h: ReturnType<typeof serviceHarness>, catalog = h.context.catalog) {
  const { backends } = h.context;
  await recover({ catalog, backends, log: silentLogger, clock: systemClock });
  return { volumes: readdirSync(join(h.pool, 'volumes')), catalog: catalog.listAfter(0).map(({ id }) => id) };
}

const crashes = {
  'after the intent': async (h) => void (await h.context.catalog.begin(begin)),
  'after the directory': async (h) => {
    await h.context.catalog.begin(begin);
    await h.backend.create({ id: 'id-1', capacityBytes: 1000, parameters: {} });
  },
  'after the intent to delete': async (h) => {
    await crashes['after the directory']?.(h);
    await h.context.catalog.update(h.context.catalog.find('id-1')!, { state: 'deleting' });
  },
  'after the move to the trash': async (h) => {
    await crashes['after the intent to delete']?.(h);
    await h.backend.delete({ kind: 'volume', id: 'id-1' });
  },
} as Record<string, (h: ReturnType<typeof serviceHarness>) => Promise<void>>;

for (const [when, crash] of Object.entries(crashes)) {
  test(`a start after a crash ${when} leaves neither record nor directory`, async () => {
    await using h = serviceHarness();
    await crash(h);
    expect(await recovered(h)).toEqual({ volumes: [], catalog: [] });
    expect((await h.createVolume('pvc-1')).volumeId).not.toBe('id-1');
  });
}

test('a start after a crash between record and data keeps neither, and loses no acknowledged volume', async () => {
  await using h = serviceHarness();
  const { volumeId } = await h.createVolume('pvc-1');
  const never = new Promise<void>(() => undefined);
  void h.context.catalog.add({ ...begin, id: 'id-2', name: 'pvc-2' }, { make: () => never, unmake: () => never });
  await h.backend.create({ id: 'id-3', capacityBytes: 1000, parameters: {} });
  await expect.poll(() => h.context.catalog.find('id-2')?.state).toBe('ready');
  using after = h.crash();
  expect(await recovered(h, after)).toEqual({ volumes: [volumeId], catalog: [volumeId] });
});

test('a volume that cannot be removed yet keeps no other from its driver, and goes when it is deleted again', async () => {
  await using h = serviceHarness();
  const { volumeId } = await h.createVolume('pvc-2');
  await crashes['after the intent to delete']?.(h);
  const inUse = grpcError('FAILED_PRECONDITION', 'volume "id-1" is still in use: a process has /dev/loop7 open');
  const held = vi.spyOn(h.backend, 'delete').mockRejectedValueOnce(inUse);
  expect((await recovered(h)).catalog).toEqual([volumeId, 'id-1']);
  held.mockRestore();
  await h.call('DeleteVolume')({ volumeId: 'id-1' });
  expect(await recovered(h)).toEqual({ volumes: [volumeId], catalog: [volumeId] });
});

test('a start keeps the record of a volume whose data somebody removed', async () => {
  await using h = serviceHarness();
  const { volumeId } = await h.createVolume('pvc-1');
  await h.createVolume('pvc-2');
  rmdirSync(join(h.pool, 'volumes', volumeId));
  using after = h.crash();
  expect((await recovered(h, after)).catalog).toContain(volumeId);
});

test('a start keeps what is written in a directory it does not know', async () => {
  await using h = serviceHarness();
  await h.backend.create({ id: 'id-9', capacityBytes: 1000, parameters: {} });
  writeFileSync(join(h.pool, 'volumes', 'id-9', 'file'), 'x');
  expect((await recovered(h)).volumes).toEqual(['id-9']);
});

test('a start keeps acknowledged volumes and directories it does not know that hold data', async () => {
  await using h = serviceHarness(mkdtempSync(join(tmpdir(), 'berth-csi-recover-')));
  const { volumeId } = await h.createVolume('pvc-1');
  mkdirSync(join(h.pool, 'volumes', 'unknown', 'inner'), { recursive: true });
  expect((await recovered(h)).catalog).toEqual([volumeId]);
  expect(existsSync(join(h.pool, 'volumes', 'unknown'))).toBe(true);
});

for (const [when, crash] of Object.entries({
  'after the intent': async () => undefined,
  'half-way through the copy': async (folder: string) => mkdirSync(join(folder, 'snap-1')),
})) {
  test(`a start after a crash ${when} of a snapshot leaves neither record nor copy, and the name can be used again`, async () => {
    await using h = serviceHarness();
    const { volumeId } = await h.createVolume('pvc-1');
    const snapshot = { id: 'snap-1', name: 'snap', sourceVolumeId: volumeId, sizeBytes: 1000, backend: 'directory' };
    await h.context.catalog.snapshots.begin({ ...snapshot, createdAtMs: 0 });
    await crash(join(h.pool, 'snapshots'));
    expect((await recovered(h)).catalog).toEqual([volumeId]);
    expect(h.context.catalog.snapshots.listAfter(0)).toEqual([]);
    expect(readdirSync(join(h.pool, 'snapshots'))).toEqual([]);
    await h.call('CreateSnapshot')({ name: 'snap', sourceVolumeId: volumeId });
    expect(readdirSync(join(h.pool, 'snapshots'))).toHaveLength(1);
  });
}

test('a pool of thousands is compared while calls are served: what they make and delete meanwhile is left alone', async () => {
  await using h = serviceHarness();
  const { catalog, backends } = h.context;
  const volumes = join(h.pool, 'volumes');
  const { volumeId: deleted } = await h.createVolume('pvc-deleted');
  for (let i = 0; i < 5001; i++) mkdirSync(join(volumes, `unknown-${i}`));
  writeFileSync(join(volumes, 'unknown-7', 'file'), '');
  await using _comparing = await recover({ catalog, backends, log: silentLogger, clock: systemClock });
  expect(readdirSync(volumes).length).toBeGreaterThan(4000);
  const { volumeId: made } = await h.createVolume('pvc-made');
  await h.call('DeleteVolume')({ volumeId: deleted });
  await expect.poll(() => readdirSync(volumes).sort()).toEqual([made, 'unknown-7'].sort());
});
