import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { csi } from '@berth/protos';
import { type Check, codeOf, expectCode, fail } from '../check.ts';
import type { Subject } from '../subject.ts';

const needs = ['controller:CREATE_DELETE_VOLUME', 'mounts'] as const;
const staging = 'node:STAGE_UNSTAGE_VOLUME' as const;
const multiWriter = 'node:SINGLE_NODE_MULTI_WRITER' as const;

type Mode = csi.VolumeCapabilityAccessModeMode;

/** The second NodePublishVolume (CSI spec, its table), and read-only. */
export const publishChecks: readonly Check[] = [
  {
    id: 'publish.same-path-other-arguments',
    section: 'NodePublishVolume',
    rule: 'A second call for the same path with another read-only flag is ALREADY_EXISTS, and changes nothing.',
    needs,
    run: async (subject) => {
      const { staged, target } = await subject.mounted();
      const call = subject.node.NodePublishVolume(subject.publishRequest(staged, target, true));
      await expectCode('the same path, now read-only', call, 'ALREADY_EXISTS');
      subject.writeContent(target, 1);
    },
  },
  {
    id: 'publish.second-path-single-writer',
    section: 'NodePublishVolume',
    rule: 'A second path for SINGLE_NODE_SINGLE_WRITER is FAILED_PRECONDITION.',
    needs: [...needs, multiWriter],
    run: (subject) => secondPath(subject, 'SINGLE_NODE_SINGLE_WRITER', 'FAILED_PRECONDITION'),
  },
  {
    id: 'publish.second-path-multi-writer',
    section: 'NodePublishVolume',
    rule: 'A second path for SINGLE_NODE_MULTI_WRITER is OK, and both see the same content.',
    needs: [...needs, multiWriter],
    run: (subject) => secondPath(subject, 'SINGLE_NODE_MULTI_WRITER', 'OK'),
  },
  {
    id: 'publish.not-staged',
    section: 'NodePublishVolume Errors',
    rule: 'Publishing without a staging path, or a filesystem from one where it is not staged, is FAILED_PRECONDITION.',
    needs: [...needs, staging],
    run: async (subject) => {
      const volume = await subject.create();
      const { stagingTargetPath: _, ...unstaged } = await subject.stage(volume);
      // A device may be found without its staging path.
      const empty = subject.has('filesystem') ? [subject.folder.directory('empty')] : [];
      for (const stagingTargetPath of ['', ...empty]) {
        const target = join(subject.folder.directory('pod'), 'target');
        const call = subject.node.NodePublishVolume(subject.publishRequest({ ...unstaged, stagingTargetPath }, target));
        const what = stagingTargetPath === '' ? 'no staging path' : 'an empty staging path';
        // An empty directory may also be answered as an argument that is wrong.
        await expectCode(what, call, 'FAILED_PRECONDITION', 'INVALID_ARGUMENT');
      }
    },
  },
  {
    id: 'publish.read-only',
    section: 'NodePublishVolumeRequest.readonly',
    rule: 'What is published read-only cannot be written, and a volume published read-only is still read.',
    needs,
    run: async (subject) => {
      const { staged, target } = await subject.mounted();
      subject.writeContent(target, 3);
      await subject.unpublish(staged, target);
      const readonly = await subject.publish(staged, true);
      subject.expectContent('the volume published read-only', readonly, 3);
      refusesWrites(subject, readonly);
    },
  },
  {
    id: 'publish.read-only-does-not-spread',
    section: 'NodePublishVolumeRequest.readonly',
    rule: 'One path that is read-only does not make another of the same volume so; where that cannot be, it is refused.',
    needs: [...needs, multiWriter],
    run: async (subject) => {
      const volumeCapabilities = [subject.capability('SINGLE_NODE_MULTI_WRITER')];
      const staged = await subject.stage(await subject.create({ volumeCapabilities }), 'SINGLE_NODE_MULTI_WRITER');
      const writable = await subject.publish(staged);
      const readonly = join(subject.folder.directory('pod'), 'target');
      const code = await codeOf(subject.node.NodePublishVolume(subject.publishRequest(staged, readonly, true)));
      subject.writeContent(writable, 4);
      if (code === 'FAILED_PRECONDITION') return;
      if (code !== 'OK') fail(`publishing it read-only beside that gives ${code}`);
      refusesWrites(subject, readonly);
      subject.writeContent(writable, 5);
    },
  },
];

async function secondPath(subject: Subject, mode: Mode, code: 'OK' | 'FAILED_PRECONDITION'): Promise<void> {
  const staged = await subject.stage(await subject.create({ volumeCapabilities: [subject.capability(mode)] }), mode);
  const first = await subject.publish(staged);
  const second = join(subject.folder.directory('pod'), 'target');
  const call = subject.node.NodePublishVolume(subject.publishRequest(staged, second));
  await expectCode(`a second path for ${mode}`, call, code);
  subject.writeContent(first, 5);
  if (code === 'OK') subject.expectContent('the second path', second, 5);
}

/** A device that is read-only may say so when it is opened or when it is written. */
function refusesWrites(subject: Subject, target: string): void {
  let file: number | undefined;
  try {
    if (subject.volumes.capability.block) file = openSync(target, 'r+');
    writeFileSync(file ?? join(target, 'forbidden'), 'x'.repeat(4096), { flush: true });
  } catch (error) {
    const { code = '' } = error as { code?: string };
    if (['EROFS', 'EPERM', 'EACCES'].includes(code)) return;
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
  fail('a write to what is published read-only succeeds');
}
