import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { linuxMounter } from '@berth/linux';
import { type Check, codeOf, expectCode, fail } from '../check.ts';
import type { Subject } from '../subject.ts';

const create = ['controller:CREATE_DELETE_VOLUME'] as const;

const hostile = [
  '..',
  '.',
  '/',
  '/etc',
  '../../../../etc',
  'a/../../b',
  'a/b',
  '..\\..\\x',
  '%2e%2e%2f',
  'a\0b',
  "'; x",
  '-rf',
  '*',
];

/** Ids and paths that try to leave their place (CVE-2026-3864, CVE-2026-3865, CVE-2021-25741 and their like). */
export const hostileChecks: readonly Check[] = [
  {
    id: 'ids.hostile-are-unknown',
    section: 'Identifiers; DeleteVolume',
    rule: 'Ids the plugin never gave are unknown or invalid, whatever they look like: none is a path.',
    needs: create,
    run: async (subject) => {
      const volumeCapability = subject.capability();
      for (const volumeId of hostile) {
        const { controller } = subject;
        const what = `the id ${JSON.stringify(volumeId)}`;
        await expectCode(`deleting ${what}`, controller.DeleteVolume({ volumeId }), 'OK', 'INVALID_ARGUMENT');
        const validation = controller.ValidateVolumeCapabilities({ volumeId, volumeCapabilities: [volumeCapability] });
        await expectCode(`validating ${what}`, validation, 'NOT_FOUND', 'INVALID_ARGUMENT');
        if (subject.has('controller:EXPAND_VOLUME')) {
          const capacityRange = { requiredBytes: String(2 * subject.volumes.sizeBytes) };
          const expansion = controller.ControllerExpandVolume({ volumeId, capacityRange, volumeCapability });
          await expectCode(`expanding ${what}`, expansion, 'NOT_FOUND', 'INVALID_ARGUMENT');
        }
      }
    },
  },
  {
    id: 'ids.hostile-snapshots-are-unknown',
    section: 'DeleteSnapshot; CreateVolume',
    rule: 'Snapshot ids the plugin never gave delete nothing and restore nothing.',
    needs: ['controller:CREATE_DELETE_SNAPSHOT', ...create],
    run: async (subject) => {
      for (const snapshotId of hostile) {
        const what = `the snapshot id ${JSON.stringify(snapshotId)}`;
        const deletion = subject.controller.DeleteSnapshot({ snapshotId });
        await expectCode(`deleting ${what}`, deletion, 'OK', 'INVALID_ARGUMENT');
        const volumeContentSource = { snapshot: { snapshotId } };
        const restore = subject.controller.CreateVolume(subject.request({ volumeContentSource }));
        await expectCode(`restoring ${what}`, restore, 'NOT_FOUND', 'INVALID_ARGUMENT');
      }
    },
  },
  {
    id: 'ids.no-way-out-of-the-pool',
    section: 'Security',
    rule: 'An id that leads to a directory of this machine neither deletes, stages nor publishes it.',
    needs: ['mounts'],
    run: async (subject) => {
      const { sentinel, check } = placeSentinel(subject);
      const ids = [sentinel, relative('/var/lib/kubelet', sentinel), ...climbs(sentinel)];
      for (const volumeId of ids) {
        await codeOf(subject.controller.DeleteVolume({ volumeId }));
        await codeOf(subject.controller.DeleteSnapshot({ snapshotId: volumeId }));
        const volumeCapability = subject.capability();
        const stagingTargetPath = subject.folder.directory('stage');
        const stage = subject.node.NodeStageVolume({ volumeId, stagingTargetPath, volumeCapability });
        if ((await codeOf(stage)) === 'OK' && subject.has('node:STAGE_UNSTAGE_VOLUME'))
          fail(`a volume with the id ${JSON.stringify(volumeId)} can be staged`);
        const targetPath = subject.folder.free('target');
        const publish = subject.node.NodePublishVolume({ volumeId, stagingTargetPath, targetPath, volumeCapability });
        if ((await codeOf(publish)) === 'OK') fail(`a volume with the id ${JSON.stringify(volumeId)} can be published`);
        check(`an id of ${JSON.stringify(volumeId)}`);
      }
    },
  },
  {
    id: 'paths.relative-and-empty',
    section: 'NodePublishVolumeRequest.target_path',
    rule: 'Staging and target paths are absolute: a relative or empty one is an error, and nothing is mounted.',
    needs: [...create, 'mounts'],
    run: async (subject) => {
      const staged = await subject.stage(await subject.create());
      for (const targetPath of ['', 'target', './target', '../target', '\0', `${subject.folder.path}/a\0b`]) {
        const code = await codeOf(subject.node.NodePublishVolume(subject.publishRequest(staged, targetPath)));
        if (code === 'OK') fail(`the target path ${JSON.stringify(targetPath)} is accepted`);
      }
      if (staged.stagingTargetPath === '') return;
      for (const stagingTargetPath of ['', 'stage', '../stage']) {
        const request = { ...subject.stageRequest(staged), stagingTargetPath };
        if ((await codeOf(subject.node.NodeStageVolume(request))) === 'OK')
          fail(`the staging path ${JSON.stringify(stagingTargetPath)} is accepted`);
      }
    },
  },
  {
    id: 'paths.symlink-as-target',
    section: 'Security',
    rule: 'A symlink in the place of the target path does not lead the mount elsewhere (CVE-2021-25741).',
    needs: [...create, 'mounts'],
    run: async (subject) => {
      const { sentinel, check } = placeSentinel(subject);
      const staged = await subject.stage(await subject.create());
      const targetPath = join(subject.folder.directory('pod'), 'target');
      symlinkSync(sentinel, targetPath);
      await codeOf(subject.node.NodePublishVolume(subject.publishRequest(staged, targetPath)));
      const mounted = linuxMounter.mounts().some(({ mountPoint }) => mountPoint === sentinel);
      await codeOf(subject.unpublish(staged, targetPath));
      if (mounted) fail('the volume was mounted where the symlink leads');
      check('publishing at a symlink');
    },
  },
  {
    id: 'paths.unpublish-keeps-data',
    section: 'NodeUnpublishVolume',
    rule: 'Unpublishing a path where nothing of the volume is mounted removes no data that lies there.',
    needs: [...create, 'mounts'],
    run: async (subject) => {
      const { sentinel, check } = placeSentinel(subject);
      const { volumeId } = await subject.create();
      await codeOf(subject.node.NodeUnpublishVolume({ volumeId, targetPath: sentinel }));
      check('unpublishing a directory with data');
      await codeOf(subject.node.NodeUnstageVolume({ volumeId, stagingTargetPath: sentinel }));
      check('unstaging a directory with data');
    },
  },
];

/** A directory with a file that nobody may touch. */
function placeSentinel({ folder }: Subject): { sentinel: string; check: (after: string) => void } {
  const sentinel = folder.directory('sentinel');
  mkdirSync(join(sentinel, 'inner'));
  const file = join(sentinel, 'inner', 'data');
  writeFileSync(file, 'precious');
  const check = (after: string) => {
    if (!existsSync(file) || readFileSync(file, 'utf8') !== 'precious') fail(`${after} took ${dirname(file)} away`);
  };
  return { sentinel, check };
}

/** Ways up from a pool of any depth. */
function climbs(path: string): string[] {
  return [1, 2, 3, 4, 5, 6, 8]
    .map((depth) => `${'../'.repeat(depth)}${path.slice(1)}`)
    .filter(({ length }) => length <= 128);
}
