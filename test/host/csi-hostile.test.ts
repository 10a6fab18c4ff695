import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startDriverProcess } from '../harness/driver-process.ts';
import { hostile } from '../harness/hostile-strings.ts';
import { type InProcessDriver, startInProcess } from '../harness/in-process-driver.ts';
import { lifePlace } from '../harness/life-place.ts';

/**
 * What others were harmed by, and the test that it does not harm this driver. Where no file is named it is one below.
 *
 * | advisory | class | test |
 * | --- | --- | --- |
 * | CVE-2017-1002101 | symlink in a volume leads out | deleting and copying follow no symlink that a workload planted |
 * | CVE-2017-1002102 | deletion through a symlink | the same |
 * | CVE-2021-25741 | directory swapped for a symlink during a mount | csi-driver.test.ts: a directory that turns into a symlink and back; csi-swap.test.ts |
 * | CVE-2026-3864, CVE-2026-3865 | `..` in a handle deletes elsewhere | ids that are paths; backend/nfs/path-rules.test.ts for sub directories |
 * | csi-driver-host-path#644 | `../` in volume_id, snapshot_id | ids that are paths |
 * | CVE-2025-62878 | a name or template leads out of the base | names that are paths; backend/nfs/path-rules.test.ts for templates |
 * | CVE-2019-11255 | sources of snapshots and clones taken on trust | sources that are not what they are said to be; provisioner’s clone-source.test.ts and snapshot-source.test.ts |
 * | CVE-2020-8569 | a malformed request ends the driver | requests with holes |
 * | CVE-2023-2878, CVE-2024-3744 | tokens in the log | csi-secrets.test.ts |
 * | CVE-2026-6437 | a comma injects mount options | values that would be mount options |
 * | fsType, mkfs options | `ext4 -F /dev/sda` | values that would be arguments; csi-image.test.ts: what an image cannot be |
 * | device and set-id files in copies | a copy gives more than its source had | copies of special files are no more than these |
 * | world-readable state, socket | others on the node | nobody but root reaches the pool and the socket |
 * | objects of 4 MiB, 10⁵ labels | exhaustion | requests that are too large |
 * | quota ids given again | usage of one counts for another | test/vm: project quotas |
 */
const volumeCapability = { mount: {}, accessMode: { mode: 'SINGLE_NODE_MULTI_WRITER' as const } };

async function place() {
  const own = await lifePlace();
  const victim = join(own.folder, 'victim');
  mkdirSync(join(victim, 'deep'), { recursive: true });
  writeFileSync(join(victim, 'deep/file'), 'mine');
  mkdirSync(join(own.pool, '..', 'staging'));
  const log: string[] = [];
  const driver = await startInProcess({ ...own, log: (line) => log.push(line) });
  return {
    ...own,
    driver,
    victim,
    staging: join(own.folder, 'staging'),
    log: () => log.join(''),
    /** Everything there is, but the catalog's own bytes. */
    tree: () => treeOf(own.folder).filter((line) => !/catalog\.db|csi\.sock/.test(line)),
    [Symbol.asyncDispose]: async () => {
      await driver[Symbol.asyncDispose]();
      own[Symbol.dispose]();
    },
  };
}

function treeOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const stat = lstatSync(join(folder, name));
      return `${name} ${stat.mode} ${stat.isFile() ? stat.size : ''}`;
    });
}

async function answer(call: () => Promise<unknown>): Promise<string> {
  return await call().then(
    () => 'OK',
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );
}

async function aVolume(
  { controller }: Pick<InProcessDriver, 'controller'>,
  name = 'pvc-1',
  change: object = {},
): Promise<string> {
  const { volume } = await controller.CreateVolume({ name, volumeCapabilities: [volumeCapability], ...change });
  return volume!.volumeId;
}

test('ids that are paths, options or commands name nothing, in every call that takes one', async () => {
  await using here = await place();
  const { controller, node, groups } = here.driver;
  const known = await aVolume(here.driver);
  const targetPath = join(here.folder, 'target');
  const stagingTargetPath = here.staging;
  const capacityRange = { requiredBytes: '2000000000', limitBytes: '0' };
  const calls: Record<string, (id: string) => Promise<unknown>> = {
    DeleteVolume: (volumeId) => controller.DeleteVolume({ volumeId }),
    ControllerExpandVolume: (volumeId) => controller.ControllerExpandVolume({ volumeId, capacityRange }),
    ControllerGetVolume: (volumeId) => controller.ControllerGetVolume({ volumeId }),
    ValidateVolumeCapabilities: (volumeId) =>
      controller.ValidateVolumeCapabilities({ volumeId, volumeCapabilities: [volumeCapability] }),
    CreateSnapshot: (sourceVolumeId) => controller.CreateSnapshot({ name: 'snap', sourceVolumeId }),
    DeleteSnapshot: (snapshotId) => controller.DeleteSnapshot({ snapshotId }),
    GetSnapshot: (snapshotId) => controller.GetSnapshot({ snapshotId }),
    'ListSnapshots by id': (snapshotId) => controller.ListSnapshots({ snapshotId }),
    'CreateVolume from a volume': (volumeId) =>
      aVolume(here.driver, 'clone', { volumeContentSource: { volume: { volumeId } } }),
    'CreateVolume from a snapshot': (snapshotId) =>
      aVolume(here.driver, 'restored', { volumeContentSource: { snapshot: { snapshotId } } }),
    CreateVolumeGroupSnapshot: (id) =>
      groups.CreateVolumeGroupSnapshot({ name: 'group', sourceVolumeIds: [id, known] }),
    DeleteVolumeGroupSnapshot: (groupSnapshotId) => groups.DeleteVolumeGroupSnapshot({ groupSnapshotId }),
    NodeStageVolume: (volumeId) => node.NodeStageVolume({ volumeId, stagingTargetPath, volumeCapability }),
    NodePublishVolume: (volumeId) =>
      node.NodePublishVolume({ volumeId, stagingTargetPath, targetPath, volumeCapability }),
    'NodePublishVolume inline': (volumeId) =>
      node.NodePublishVolume({
        volumeId,
        targetPath: here.victim,
        volumeCapability,
        volumeContext: { 'csi.storage.k8s.io/ephemeral': 'true' },
      }),
    NodeUnpublishVolume: (volumeId) => node.NodeUnpublishVolume({ volumeId, targetPath: here.victim }),
    NodeUnstageVolume: (volumeId) => node.NodeUnstageVolume({ volumeId, stagingTargetPath: here.victim }),
    NodeExpandVolume: (volumeId) => node.NodeExpandVolume({ volumeId, volumePath: here.victim }),
    NodeGetVolumeStats: (volumeId) => node.NodeGetVolumeStats({ volumeId, volumePath: here.victim }),
  };
  const before = here.tree();
  // What removes is fine with what never was; the victim is no empty directory, and says so.
  const fine = /^(OK|INVALID_ARGUMENT|NOT_FOUND|FAILED_PRECONDITION)$/;
  const idempotent = /^(Delete|NodeUn|ListSnapshots)/;
  for (const [method, call] of Object.entries(calls)) {
    for (const id of hostile) {
      const code = await answer(() => call(id));
      expect(code, `${method} of ${JSON.stringify(id.slice(0, 40))}`).toMatch(fine);
      if (!idempotent.test(method)) expect(code, `${method} of ${JSON.stringify(id.slice(0, 40))}`).not.toBe('OK');
    }
  }
  expect(here.tree()).toEqual(before);
  expect(readFileSync(join(here.victim, 'deep/file'), 'utf8')).toBe('mine');
  expect(here.mounts()).toEqual([]);
  expect(here.log()).not.toMatch(/unexpected|stack/);
});

test('names that are paths, options or commands make a volume with an id of its own, or none', async () => {
  await using here = await place();
  const { controller } = here.driver;
  const before = here.tree();
  for (const name of hostile) {
    const what = JSON.stringify(name.slice(0, 40));
    for (const make of [
      async () => void (await controller.DeleteVolume({ volumeId: await aVolume(here.driver, name) })),
      async () => {
        const sourceVolumeId = await aVolume(here.driver, 'source');
        try {
          const { snapshot } = await controller.CreateSnapshot({ name, sourceVolumeId });
          await controller.DeleteSnapshot({ snapshotId: snapshot!.snapshotId });
        } finally {
          await controller.DeleteVolume({ volumeId: sourceVolumeId });
        }
      },
    ]) {
      expect(await answer(make), what).toMatch(/^(OK|INVALID_ARGUMENT)$/);
      await expect.poll(() => here.tree(), { message: what }).toEqual(before);
    }
  }
  expect(here.log()).not.toMatch(/unexpected|stack/);
});

test('paths that lead elsewhere, nowhere or to the machine itself are refused, and nothing is made or mounted', async () => {
  await using here = await place();
  const { node } = here.driver;
  const volumeId = await aVolume(here.driver);
  const stagingTargetPath = here.staging;
  await node.NodeStageVolume({ volumeId, stagingTargetPath, volumeCapability });
  symlinkSync(here.victim, join(here.folder, 'link'));
  writeFileSync(join(here.folder, 'file'), '');
  const paths = [
    '/',
    '//',
    '/proc',
    '/dev',
    '/dev/null',
    '/proc/self/fd/0',
    `/proc/self/root${here.folder}/x`,
    `/proc/self/cwd/x`,
    'relative',
    './relative',
    `${here.folder}/../escape`,
    `${here.folder}/x/..`,
    `${here.folder}/./x`,
    `${here.folder}/link`,
    `${here.folder}/link/`,
    `${here.folder}/link/x`,
    `${here.folder}/file/x`,
    `${here.folder}/no/such/parent`,
    `${here.folder}/nul\0/x`,
    `${here.folder}/${'x'.repeat(256)}`,
    `/${'x/'.repeat(2100)}`,
    here.victim,
  ];
  const before = [here.tree(), here.mounts()];
  for (const path of paths) {
    const calls = {
      stage: () => node.NodeStageVolume({ volumeId, stagingTargetPath: path, volumeCapability }),
      publish: () => node.NodePublishVolume({ volumeId, stagingTargetPath, targetPath: path, volumeCapability }),
      'publish from': () =>
        node.NodePublishVolume({
          volumeId,
          stagingTargetPath: path,
          targetPath: join(here.folder, 'target'),
          volumeCapability,
        }),
      stats: () => node.NodeGetVolumeStats({ volumeId, volumePath: path }),
    };
    for (const [what, call] of Object.entries(calls)) {
      // The victim may be staged at: the CO makes staging paths, with whatever is in them.
      if (what === 'stage' && path === here.victim) continue;
      const code = await answer(call);
      expect(code, `${what} ${path.slice(0, 80)}`).toMatch(
        /^(INVALID_ARGUMENT|FAILED_PRECONDITION|NOT_FOUND|ALREADY_EXISTS)$/,
      );
    }
    for (const call of [
      () => node.NodeUnpublishVolume({ volumeId, targetPath: path }),
      () => node.NodeUnstageVolume({ volumeId, stagingTargetPath: path }),
    ]) {
      expect(await answer(call), path.slice(0, 80)).toMatch(/^(OK|INVALID_ARGUMENT|FAILED_PRECONDITION)$/);
    }
    expect([here.tree(), here.mounts()], path.slice(0, 80)).toEqual(before);
  }
  expect(existsSync('/dev/null') && existsSync('/proc/self')).toBe(true);
  await node.NodeUnstageVolume({ volumeId, stagingTargetPath });
});

test('deleting and copying follow no symlink that a workload planted', async () => {
  await using here = await place();
  const { controller } = here.driver;
  const volumeId = await aVolume(here.driver);
  const data = join(here.pool, 'volumes', volumeId);
  for (const [name, to] of [
    ['folder', here.victim],
    ['file', join(here.victim, 'deep/file')],
    ['up', '../../../victim'],
    ['self', '.'],
    ['loop', 'loop'],
  ]) {
    symlinkSync(to as string, join(data, name as string));
  }
  const { snapshot } = await controller.CreateSnapshot({ name: 'snap', sourceVolumeId: volumeId });
  const clone = await aVolume(here.driver, 'clone', {
    volumeContentSource: { snapshot: { snapshotId: snapshot!.snapshotId } },
  });
  const copied = readdirSync(join(here.pool, 'volumes', clone), { withFileTypes: true });
  expect(copied.map((entry) => [entry.name, entry.isSymbolicLink()]).sort()).toEqual(
    ['file', 'folder', 'loop', 'self', 'up'].map((name) => [name, true]),
  );
  for (const id of [volumeId, clone]) await controller.DeleteVolume({ volumeId: id });
  await controller.DeleteSnapshot({ snapshotId: snapshot!.snapshotId });
  await expect.poll(() => readdirSync(join(here.pool, 'trash'))).toEqual([]);
  expect(readFileSync(join(here.victim, 'deep/file'), 'utf8')).toBe('mine');
});

test('sources that are not what they are said to be are refused, and no volume comes of them', async () => {
  await using here = await place();
  const { controller } = here.driver;
  const volumeId = await aVolume(here.driver);
  const { snapshot } = await controller.CreateSnapshot({ name: 'snap', sourceVolumeId: volumeId });
  const { snapshotId } = snapshot!;
  const gone = await aVolume(here.driver, 'gone');
  await controller.DeleteVolume({ volumeId: gone });
  const sources: Record<string, [source: object, code: string]> = {
    'a volume as a snapshot': [{ snapshot: { snapshotId: volumeId } }, 'NOT_FOUND'],
    'a snapshot as a volume': [{ volume: { volumeId: snapshotId } }, 'NOT_FOUND'],
    'a volume that is gone': [{ volume: { volumeId: gone } }, 'NOT_FOUND'],
    nothing: [{}, 'INVALID_ARGUMENT'],
    'an empty id': [{ volume: { volumeId: '' } }, 'INVALID_ARGUMENT'],
  };
  for (const [what, [volumeContentSource, code]] of Object.entries(sources)) {
    expect(await answer(() => aVolume(here.driver, 'copy', { volumeContentSource })), what).toBe(code);
  }
  const smaller = { requiredBytes: '1000', limitBytes: '2000' };
  const shrunk = () =>
    aVolume(here.driver, 'copy', { volumeContentSource: { volume: { volumeId } }, capacityRange: smaller });
  expect(await answer(shrunk)).toBe('OUT_OF_RANGE');
  const elsewhere = () =>
    aVolume(here.driver, 'copy', {
      volumeContentSource: { snapshot: { snapshotId } },
      parameters: { backend: 'image' },
    });
  expect(await answer(elsewhere)).toBe('INVALID_ARGUMENT');
  expect((await controller.ListVolumes({})).entries).toHaveLength(1);
});

test('copies of special files are no more than these', async () => {
  await using here = await place();
  const volumeId = await aVolume(here.driver);
  const data = join(here.pool, 'volumes', volumeId);
  writeFileSync(join(data, 'setuid'), '#!/bin/sh\n');
  chownSync(join(data, 'setuid'), 1234, 1234);
  chmodSync(join(data, 'setuid'), 0o4755);
  const clone = await aVolume(here.driver, 'clone', { volumeContentSource: { volume: { volumeId } } });
  const { uid, gid, mode } = statSync(join(here.pool, 'volumes', clone, 'setuid'));
  // Still its owner's: not root's with the set-id bit on.
  expect([uid, gid, mode & 0o7777]).toEqual([1234, 1234, 0o4755]);
});

test('values that would be mount options or arguments of mkfs are refused before anything is made', async () => {
  await using here = await place();
  const before = here.tree();
  const mount = (value: object) => ({ volumeCapabilities: [{ ...volumeCapability, mount: value }] });
  const changes = [
    mount({ fsType: 'ext4,dev' }),
    mount({ fsType: 'ext4 -F /dev/sda' }),
    mount({ fsType: '../x' }),
    mount({ mountFlags: ['ro,upperdir=/etc'] }),
    mount({ mountFlags: ['noatime,dev,suid,loop=/dev/sda'] }),
    mount({ mountFlags: ['context=x'] }),
    mount({ mountFlags: ['--bind'] }),
    mount({ mountFlags: ['noatime\nsuid'] }),
    mount({ mountFlags: ['x'.repeat(5000)] }),
    { ...mount({ fsType: 'ext4' }), parameters: { backend: 'image', mkfsOptions: '-b 1024 /dev/sda' } },
    { ...mount({ fsType: 'ext4' }), parameters: { backend: 'image', mkfsOptions: '-E root_owner=0:0' } },
    { ...mount({ fsType: 'ext4' }), parameters: { backend: 'image', mkfsOptions: '-L $(id)' } },
    { parameters: { backend: '../directory' } },
    { parameters: { pool: '../..' } },
    { parameters: { __proto__x: '1', constructor: 'x' } },
    { parameters: JSON.parse('{"__proto__": "x"}') as object },
  ];
  for (const change of changes) {
    const create = () => aVolume(here.driver, 'pvc', change);
    expect(await answer(create), JSON.stringify(change).slice(0, 120)).toBe('INVALID_ARGUMENT');
  }
  expect(here.tree()).toEqual(before);
});

test('requests with holes are INVALID_ARGUMENT and end nothing', async () => {
  await using here = await place();
  const clients = [here.driver.controller, here.driver.node, here.driver.groups];
  const holes = [
    {},
    { volumeCapability: {} },
    { volumeCapability: { mount: {} } },
    { volumeCapability: { accessMode: {} } },
    { volumeCapabilities: [{}] },
    { name: 'x', volumeCapabilities: [{ mount: {}, accessMode: { mode: 99 } }] },
    { name: 'x', volumeCapabilities: [volumeCapability], volumeContentSource: { snapshot: {} } },
    { name: 'x', volumeCapabilities: [volumeCapability], accessibilityRequirements: { requisite: [{}] } },
    { name: 'x', volumeCapabilities: [volumeCapability], capacityRange: { requiredBytes: '-1' } },
    { name: 'x', volumeCapabilities: [volumeCapability], capacityRange: { requiredBytes: '9223372036854775807' } },
    { name: 'x', volumeCapabilities: [volumeCapability], capacityRange: { requiredBytes: '2', limitBytes: '1' } },
    { maxEntries: -1 },
    { startingToken: '\0' },
    { volumeId: 'x', capacityRange: {} },
    { volumeContext: { 'csi.storage.k8s.io/ephemeral': 'true' }, volumeId: 'x', targetPath: '/x' },
  ];
  for (const client of clients) {
    for (const [method, call] of Object.entries(client) as [string, (request: object) => Promise<unknown>][]) {
      for (const request of holes) {
        const code = await answer(() => call(request));
        expect(code, `${method} ${JSON.stringify(request)}`).not.toMatch(/INTERNAL|UNKNOWN|UNAVAILABLE|CANCELLED/);
      }
    }
  }
  expect(here.log()).not.toMatch(/unexpected|stack/);
});

test('requests that are too large are refused, and the next one is served', async () => {
  await using here = await place();
  const parameters = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`example.com/label-${i}`, 'x']));
  expect(await answer(() => aVolume(here.driver, 'many', { parameters }))).toMatch(
    /INVALID_ARGUMENT|RESOURCE_EXHAUSTED/,
  );
  const secrets = { token: 'x'.repeat(8 * 1024 ** 2) };
  expect(await answer(() => aVolume(here.driver, 'large', { secrets }))).toMatch(/INVALID_ARGUMENT|RESOURCE_EXHAUSTED/);
  await aVolume(here.driver, 'next');
});

test('nobody but root reaches volumes, catalog and socket, also where the pool was there before and open to all', async () => {
  using own = await lifePlace();
  chmodSync(own.pool, 0o755);
  await using driver = await startDriverProcess(own.folder);
  await aVolume(driver);
  for (const path of [own.pool, own.folder]) {
    const open = readdirSync(path).filter((name) => (statSync(join(path, name)).mode & 0o077) !== 0);
    expect(open).toEqual(path === own.pool ? [] : ['pool']);
  }
});
