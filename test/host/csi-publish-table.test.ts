import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { csi } from '@berth/protos';
import { expect, test } from 'vitest';
import { type InProcessDriver, startInProcess } from '../harness/in-process-driver.ts';
import { type LifeKind, volumeKinds } from '../harness/life-kinds.ts';
import { lifePlace } from '../harness/life-place.ts';

type Mode = csi.VolumeCapabilityAccessModeMode;
type Answer = 'OK' | 'ALREADY_EXISTS' | 'FAILED_PRECONDITION' | 'INVALID_ARGUMENT';

/**
 * CSI spec, NodePublishVolume, the table of second calls: the same target or another one, with the same arguments or with
 * others. Modes that several nodes share are not offered by volumes of one node, at any call.
 */
const table: Readonly<Partial<Record<Mode, readonly [Answer, Answer, Answer, Answer]>>> = {
  //                          same, same   same, other       other, same           other, other
  SINGLE_NODE_MULTI_WRITER: ['OK', 'ALREADY_EXISTS', 'OK', 'OK'],
  SINGLE_NODE_SINGLE_WRITER: ['OK', 'ALREADY_EXISTS', 'FAILED_PRECONDITION', 'FAILED_PRECONDITION'],
  SINGLE_NODE_WRITER: ['OK', 'ALREADY_EXISTS', 'FAILED_PRECONDITION', 'FAILED_PRECONDITION'],
  // Read-only already: asking for it again is the same call.
  SINGLE_NODE_READER_ONLY: ['OK', 'OK', 'FAILED_PRECONDITION', 'FAILED_PRECONDITION'],
};
const sharedModes: readonly Mode[] = ['MULTI_NODE_READER_ONLY', 'MULTI_NODE_SINGLE_WRITER', 'MULTI_NODE_MULTI_WRITER'];
/** A device is read-only for all of its users or for none, which the table has no word for. */
const blockException: readonly [Answer, Answer, Answer, Answer] = ['OK', 'ALREADY_EXISTS', 'OK', 'FAILED_PRECONDITION'];

async function answer(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => 'OK',
    (error: { code: string }) => error.code,
  );
}

async function staged(driver: InProcessDriver, kind: LifeKind, { folder, mode }: { folder: string; mode: Mode }) {
  const volumeCapability = { ...kind.access, accessMode: { mode } };
  const { volume } = await driver.controller.CreateVolume({
    name: mode,
    volumeCapabilities: [volumeCapability],
    capacityRange: { requiredBytes: String(kind.mib * 1024 ** 2), limitBytes: '0' },
    parameters: { ...kind.parameters },
  });
  const { volumeId } = volume!;
  const stagingTargetPath = join(folder, `stage-${volumeId}`);
  mkdirSync(stagingTargetPath);
  const mayStage = mode === 'SINGLE_NODE_READER_ONLY' ? 'SINGLE_NODE_WRITER' : mode;
  await driver.node.NodeStageVolume({
    volumeId,
    stagingTargetPath,
    volumeCapability: { ...kind.access, accessMode: { mode: mayStage } },
  });
  return { volumeId, stagingTargetPath, volumeCapability };
}

for (const [what, kind] of Object.entries(volumeKinds)) {
  test(`${what}: a second NodePublishVolume is answered as the spec's table says, also by a driver that has just started`, async () => {
    using place = await lifePlace(kind.poolFs);
    const start = () => startInProcess({ ...place, log: () => undefined });
    let driver = await start();
    for (const [mode, row] of Object.entries(table) as [Mode, readonly Answer[]][]) {
      const expected = what === 'block image' && mode === 'SINGLE_NODE_MULTI_WRITER' ? blockException : row;
      const request = await staged(driver, kind, { folder: place.folder, mode });
      const target = (name: string) => join(place.folder, `${name}-${request.volumeId}`);
      const publish = (name: string, readonly: boolean) =>
        answer(driver.node.NodePublishVolume({ ...request, targetPath: target(name), readonly }));
      expect([mode, await publish('first', false)]).toEqual([mode, 'OK']);
      for (const restarted of [false, true]) {
        if (restarted) await driver[Symbol.asyncDispose]();
        if (restarted) driver = await start();
        const answers = [await publish('first', false), await publish('first', true)];
        for (const [name, readonly] of [
          ['same', false],
          ['other', true],
        ] as const) {
          answers.push(await publish(name, readonly));
          await driver.node.NodeUnpublishVolume({ volumeId: request.volumeId, targetPath: target(name) });
        }
        expect({ mode, restarted, answers }).toEqual({ mode, restarted, answers: expected });
      }
      await driver.node.NodeUnpublishVolume({ volumeId: request.volumeId, targetPath: target('first') });
      await driver.node.NodeUnstageVolume({
        volumeId: request.volumeId,
        stagingTargetPath: request.stagingTargetPath,
      });
      for (const shared of sharedModes) {
        const volumeCapability = { ...kind.access, accessMode: { mode: shared } };
        const call = driver.node.NodePublishVolume({ ...request, targetPath: target('shared'), volumeCapability });
        expect(await answer(call)).toBe('INVALID_ARGUMENT');
      }
      await driver.controller.DeleteVolume({ volumeId: request.volumeId });
    }
    await driver[Symbol.asyncDispose]();
    expect(place.mounts()).toEqual([]);
  });
}

for (const [what, kind] of Object.entries(volumeKinds).filter(([name]) => name !== 'block image')) {
  test(`${what}: read-only holds on the bind itself, and a container cannot take it off`, async () => {
    using place = await lifePlace(kind.poolFs);
    await using driver = await startInProcess({ ...place, log: () => undefined });
    const mode = 'SINGLE_NODE_MULTI_WRITER';
    const request = await staged(driver, kind, { folder: place.folder, mode });
    const [writable, readOnly] = [join(place.folder, 'rw'), join(place.folder, 'ro')];
    await driver.node.NodePublishVolume({ ...request, targetPath: writable });
    await driver.node.NodePublishVolume({ ...request, targetPath: readOnly, readonly: true });
    writeFileSync(join(writable, 'file'), 'x');
    const erofs = expect.objectContaining({ code: 'EROFS' });
    expect(() => writeFileSync(join(readOnly, 'file'), 'y')).toThrow(erofs);
    expect(() => execFileSync('touch', [join(readOnly, 'new')], { stdio: 'pipe' })).toThrow(/Read-only/);
    // Root of a user namespace, as in a container: with every capability over its own mounts.
    const script = `mount -o remount,bind,rw '${readOnly}'; echo remount $?; echo y > '${readOnly}/file'; echo write $?`;
    const inside = spawnSync('unshare', ['-Urm', 'sh', '-c', script], { encoding: 'utf8' });
    expect(inside.stdout).toMatch(/^remount [1-9]\d*\nwrite [1-9]\d*\n$/);
    writeFileSync(join(writable, 'file'), 'z');
    const { volumeId, stagingTargetPath } = request;
    for (const targetPath of [writable, readOnly]) await driver.node.NodeUnpublishVolume({ volumeId, targetPath });
    await driver.node.NodeUnstageVolume({ volumeId, stagingTargetPath });
    expect(place.mounts()).toEqual([]);
  });
}
