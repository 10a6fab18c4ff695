import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '@berth/kit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DriverProcess, driverFolder, startDriverProcess } from '../harness/driver-process.ts';
import { Ganesha } from '../harness/ganesha.ts';

let server: Ganesha;
let other: Ganesha;
beforeAll(async () => {
  [server, other] = await Promise.all([Ganesha.start(), Ganesha.start()]);
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await other?.[Symbol.asyncDispose]();
});

const capability = {
  mount: { fsType: '', mountFlags: [], volumeMountGroup: '' },
  accessMode: { mode: 'MULTI_NODE_MULTI_WRITER' as const },
};

function classOf(at: Ganesha, change: Record<string, string> = {}) {
  return { backend: 'nfs', server: at.host, share: at.export, ...change };
}

async function create(driver: DriverProcess, name: string, parameters: Record<string, string>, change: object = {}) {
  const request = { name, parameters, volumeCapabilities: [capability], ...change };
  const { volume } = await driver.controller.CreateVolume(request);
  return volume!;
}

/** What of the share is not the driver's own. */
const shown = (at: Ganesha) => readdirSync(at.root).filter((name) => name !== '.berth');
const inTrash = (at: Ganesha) => {
  const trash = join(at.root, '.berth/trash');
  return existsSync(trash) ? readdirSync(trash) : [];
};

async function eventually(what: string | (() => string), condition: () => boolean): Promise<void> {
  const start = systemClock.monotonicMs();
  while (!condition()) {
    if (systemClock.monotonicMs() - start > 60_000) {
      throw new Error(`not so after a minute: ${typeof what === 'string' ? what : what()}`);
    }
    await systemClock.sleep(20);
  }
}

/** One that stays on its node. */
const localCapability = { ...capability, accessMode: { mode: 'SINGLE_NODE_WRITER' as const } };

describe('the controller alone, without a mount', () => {
  test('a volume is a directory of the server, for every node, and goes with DeleteVolume', async () => {
    using place = driverFolder();
    await using driver = await startDriverProcess(place.folder);
    const volume = await create(driver, 'pvc-1', classOf(server));
    expect(volume).toMatchObject({
      accessibleTopology: [],
      volumeContext: {
        backend: 'nfs',
        server: server.host,
        share: '/share',
        subDir: 'pvc-1',
        'csi.berth.local/size-enforced': 'false',
      },
    });
    expect(statSync(join(server.root, 'pvc-1')).mode & 0o7777).toBe(0o777);
    expect(await create(driver, 'pvc-1', classOf(server))).toEqual(volume);
    writeFileSync(join(server.root, 'pvc-1', 'file'), 'data');
    await driver.controller.DeleteVolume({ volumeId: volume.volumeId });
    await driver.controller.DeleteVolume({ volumeId: volume.volumeId });
    expect(shown(server)).toEqual([]);
    await eventually('the trash is empty', () => inTrash(server).length === 0);
    expect(place.mounts()).toEqual([]);
  });

  test('a template names the directory by claim and namespace; retain and archive leave the data', async () => {
    using place = driverFolder();
    await using driver = await startDriverProcess(place.folder);
    const remarks = { 'csi.storage.k8s.io/pvc/name': 'data', 'csi.storage.k8s.io/pvc/namespace': 'shop' };
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a template as users write it.
    const subDir = '${pvc.metadata.namespace}/${pvc.metadata.name}';
    const archived = await create(driver, 'a', { ...classOf(server, { subDir, onDelete: 'archive' }), ...remarks });
    writeFileSync(join(server.root, 'shop/data/file'), 'archived');
    await driver.controller.DeleteVolume({ volumeId: archived.volumeId });
    expect(readFileSync(join(server.root, 'archived-shop/data/file'), 'utf8')).toBe('archived');
    const kept = await create(driver, 'b', { ...classOf(server, { subDir, onDelete: 'retain' }), ...remarks });
    writeFileSync(join(server.root, 'shop/data/file'), 'kept');
    await driver.controller.DeleteVolume({ volumeId: kept.volumeId });
    const again = await create(driver, 'c', { ...classOf(server, { subDir }), ...remarks });
    expect(readFileSync(join(server.root, 'shop/data/file'), 'utf8')).toBe('kept');
    await driver.controller.DeleteVolume({ volumeId: again.volumeId });
    expect(readFileSync(join(server.root, 'shop/data/file'), 'utf8')).toBe('kept');
  });

  test('hostile parameters are INVALID_ARGUMENT and change nothing on the server', async () => {
    using place = driverFolder();
    await using driver = await startDriverProcess(place.folder);
    const before = readdirSync(server.root, { recursive: true });
    const hostile: Record<string, string>[] = [
      { subDir: '../secure' },
      { subDir: 'a/b/..' },
      { subDir: 'a\\..\\..\\b' },
      { subDir: '%2e%2e/secure' },
      { subDir: '/etc' },
      { share: '/share/../secure' },
      { share: '/share,ro' },
      { server: `${server.host},addr=127.0.0.1` },
      { server: '' },
      { mountPermissions: '0777,suid' },
      { onDelete: 'rm' },
      { unknown: 'x' },
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a template as users write it.
      { subDir: '${pvc.metadata.name}', 'csi.storage.k8s.io/pvc/name': '..' },
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the same.
      { subDir: 'x/${pvc.metadata.name}', 'csi.storage.k8s.io/pvc/name': '../../secure' },
    ];
    for (const change of hostile) {
      const made = create(driver, 'hostile', classOf(server, change));
      await expect(made, JSON.stringify(change)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    const { entries } = await driver.controller.ListVolumes({});
    expect(entries).toEqual([]);
    expect(readdirSync(server.root, { recursive: true })).toEqual(before);
  });

  test('a symlink on the server leads nowhere', async () => {
    using place = driverFolder();
    await using driver = await startDriverProcess(place.folder);
    mkdirSync(join(server.folder, 'outside'), { recursive: true });
    writeFileSync(join(server.folder, 'outside/secret'), 'secret');
    symlinkSync(join(server.folder, 'outside'), join(server.root, 'trap'));
    for (const subDir of ['trap', 'trap/below']) {
      const made = create(driver, `trapped-${subDir.length}`, classOf(server, { subDir }));
      await expect(made).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    }
    expect(readdirSync(join(server.folder, 'outside'))).toEqual(['secret']);
  });

  test('snapshots and clones are copies on the server, and outlive what they were taken of', async () => {
    using place = driverFolder();
    await using driver = await startDriverProcess(place.folder);
    const source = await create(driver, 'source', classOf(server));
    const data = Buffer.alloc(3_000_000, 'berth');
    mkdirSync(join(server.root, 'source/sub'));
    writeFileSync(join(server.root, 'source/sub/file'), data, { mode: 0o600 });
    const { snapshot } = await driver.controller.CreateSnapshot({ name: 's', sourceVolumeId: source.volumeId });
    expect(snapshot).toMatchObject({ readyToUse: true });
    writeFileSync(join(server.root, 'source/sub/file'), 'changed');
    const fromVolume = { volumeContentSource: { volume: { volumeId: source.volumeId } } };
    await create(driver, 'clone', classOf(server), fromVolume);
    await driver.controller.DeleteVolume({ volumeId: source.volumeId });
    const fromSnapshot = { volumeContentSource: { snapshot: { snapshotId: snapshot!.snapshotId } } };
    await create(driver, 'restored', classOf(server), fromSnapshot);
    expect(readFileSync(join(server.root, 'clone/sub/file'), 'utf8')).toBe('changed');
    expect(readFileSync(join(server.root, 'restored/sub/file')).equals(data)).toBe(true);
    const elsewhere = create(driver, 'elsewhere', classOf(other), fromSnapshot);
    await expect(elsewhere).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await driver.controller.DeleteSnapshot({ snapshotId: snapshot!.snapshotId });
    await eventually('the trash is empty', () => inTrash(server).length === 0);
    expect(readdirSync(join(server.root, '.berth/snapshots'))).toEqual([]);
    expect(readdirSync(join(server.root, '.berth/making'))).toEqual([]);
  });

  test('capacity is the share’s, and a volume larger than what is free is refused', async () => {
    using place = driverFolder();
    await using driver = await startDriverProcess(place.folder);
    const { availableCapacity } = await driver.controller.GetCapacity({ parameters: classOf(server) });
    const free = Number(availableCapacity);
    expect(free).toBeGreaterThan(0);
    const capacityRange = { requiredBytes: String(free * 2), limitBytes: '0' };
    const huge = create(driver, 'huge', classOf(server), { capacityRange });
    await expect(huge).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    await expect(driver.controller.GetCapacity({ parameters: { backend: 'nfs' } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });
});

describe('many at once, and killed', () => {
  test('64 calls for one name make one volume; 64 names make 64', async () => {
    using place = driverFolder();
    await using driver = await startDriverProcess(place.folder);
    const same = await Promise.allSettled(Array.from({ length: 64 }, () => create(driver, 'one', classOf(other))));
    const ids = same.flatMap((result) => (result.status === 'fulfilled' ? [result.value.volumeId] : []));
    expect(new Set(ids).size).toBe(1);
    for (const result of same) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'ABORTED' });
    }
    const many = await Promise.all(Array.from({ length: 64 }, (_, i) => create(driver, `many-${i}`, classOf(other))));
    expect(shown(other)).toHaveLength(65);
    await Promise.all(
      [...ids.slice(0, 1), ...many.map(({ volumeId }) => volumeId)].map((volumeId) =>
        driver.controller.DeleteVolume({ volumeId }),
      ),
    );
    expect(shown(other)).toEqual([]);
    // Who has the list of it goes with this test.
    await eventually('the trash is empty', () => inTrash(other).length === 0);
  });

  test('kill -9 at any moment loses nothing acknowledged, and what is deleted leaves nothing on the server', async () => {
    using place = driverFolder();
    let driver = await startDriverProcess(place.folder);
    const kept = await create(driver, 'kept', classOf(other));
    writeFileSync(join(other.root, 'kept/file'), 'kept');
    const acknowledged = new Set<string>();
    for (let round = 0; round < 6; round++) {
      const work = async (i: number) => {
        const name = `r${round}-${i}`;
        const change = i % 3 === 0 ? { volumeContentSource: { volume: { volumeId: kept.volumeId } } } : {};
        const { volumeId } = await create(driver, name, classOf(other), change);
        acknowledged.add(name);
        if (i % 2 === 0) return;
        writeFileSync(join(other.root, name, 'file'), 'x');
        acknowledged.delete(name);
        await driver.controller.DeleteVolume({ volumeId });
      };
      const running = Promise.allSettled(Array.from({ length: 12 }, (_, i) => work(i)));
      await systemClock.sleep(15 + round * 25);
      await driver.kill();
      await running;
      driver = await startDriverProcess(place.folder);
    }
    await using last = driver;
    const listed = async () => (await last.controller.ListVolumes({})).entries.map(({ volume }) => volume!.volumeId);
    for (const name of acknowledged) expect(existsSync(join(other.root, name)), name).toBe(true);
    expect(readFileSync(join(other.root, 'kept/file'), 'utf8')).toBe('kept');
    // What was never acknowledged is undone in the background.
    await eventually('nothing is half-made', () => {
      const making = join(other.root, '.berth/making');
      return !existsSync(making) || readdirSync(making).length === 0;
    });
    for (const volumeId of await listed()) await last.controller.DeleteVolume({ volumeId });
    const what = () => `the server is empty: ${shown(other)} ${inTrash(other)}\n${last.log().slice(-3000)}`;
    await eventually(what, () => shown(other).length === 0 && inTrash(other).length === 0);
    await eventually('no note is left', () => readdirSync(join(other.root, '.berth/volumes')).length === 0);
    expect(await listed()).toEqual([]);
    await eventually('no list is left', () => readdirSync(join(place.folder, 'pool/nfs/trash')).length === 0);
  });
});

describe('a server that is away', () => {
  test('ends its own calls with UNAVAILABLE, harms no other volume, and is served again when it is back', async () => {
    using place = driverFolder();
    await using driver = await startDriverProcess(place.folder);
    const volume = await create(driver, 'away', classOf(server));
    const source = await create(driver, 'away-too', classOf(server));
    await server.killServer();
    try {
      const failing = [
        driver.controller.DeleteVolume({ volumeId: volume.volumeId }),
        create(driver, 'later', classOf(server)),
        driver.controller.GetCapacity({ parameters: classOf(server) }),
        driver.controller.CreateSnapshot({ name: 'later', sourceVolumeId: source.volumeId }),
      ];
      const settled = Promise.allSettled(failing);
      for (let i = 0; i < 20; i++) {
        await create(driver, `local-${i}`, {}, { volumeCapabilities: [localCapability] });
        await create(driver, `other-${i}`, classOf(other));
      }
      for (const result of await settled) {
        expect(result).toMatchObject({ status: 'rejected', reason: { code: 'UNAVAILABLE' } });
      }
    } finally {
      await server.startServer();
    }
    await create(driver, 'later', classOf(server));
    await driver.controller.DeleteVolume({ volumeId: volume.volumeId });
    expect(existsSync(join(server.root, 'away'))).toBe(false);
  });

  test('is not waited for by a start, which ends what a crash left once it is back', async () => {
    using place = driverFolder();
    const first = await startDriverProcess(place.folder);
    const volume = await create(first, 'doomed', classOf(server));
    writeFileSync(join(server.root, 'doomed/file'), 'x');
    await server.killServer();
    try {
      const deleted = first.controller.DeleteVolume({ volumeId: volume.volumeId });
      await expect(deleted).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await first.kill();
      await using second = await startDriverProcess(place.folder);
      const local = await create(second, 'local', {}, { volumeCapabilities: [localCapability] });
      expect(existsSync(join(server.root, 'doomed/file'))).toBe(true);
      await server.startServer();
      await eventually('the deletion is finished', () => !existsSync(join(server.root, 'doomed')));
      await eventually('the trash is empty', () => inTrash(server).length === 0);
      const listed = async () =>
        (await second.controller.ListVolumes({})).entries.map(({ volume: one }) => one?.volumeId);
      await expect.poll(listed).not.toContain(volume.volumeId);
      expect(await listed()).toContain(local.volumeId);
    } finally {
      await server.killServer();
      await server.startServer();
    }
  });
});
