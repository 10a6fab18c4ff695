import { constants, type Stats } from 'node:fs';
import { mkdir, open, stat } from 'node:fs/promises';
import { isErrno, type Mounter } from '@berth/linux';
import { VolumeError } from '../executor/volume-error.ts';
import { isOnNetwork } from '../mount-table.ts';
import type { VolumeSpec } from '../volume-spec.ts';
import type { VolumePlugin } from './volume-plugin.ts';

/** A path of the node itself, checked to be what the pod says it is; nothing is mounted and nothing removed. */
export function hostPathPlugin({ mounter }: { mounter: Mounter }): VolumePlugin {
  return {
    name: 'kubernetes.io/host-path',
    hostPath: (spec) => sourceOf(spec).path,
    async setUp(spec, renew) {
      const { path, type = '' } = sourceOf(spec);
      if (path.split('/').includes('..')) throw new VolumeError('Final', `path "${path}" must not contain '..'`);
      // Nothing of a filesystem whose server may be gone is looked at here: the container gets what it shows.
      if (renew || (await isOnNetwork(mounter, path))) return {};
      await checkType(path, type);
      return {};
    },
    tearDown: async () => undefined,
  };
}

function sourceOf(spec: VolumeSpec): { path: string; type?: string } {
  const source = spec.pv ? spec.pv.spec?.hostPath : spec.volume.hostPath;
  if (!source) throw new VolumeError('Final', `volume ${spec.specName} has no hostPath source`);
  return source;
}

/** Kubelet's words for what a path is not (upstream host_path.go checkTypeInternal). */
const checks: Record<string, { readonly isRight: (facts: Stats) => boolean; readonly words: string }> = {
  Directory: { isRight: (facts) => facts.isDirectory(), words: 'a directory' },
  File: { isRight: (facts) => facts.isFile(), words: 'a file' },
  Socket: { isRight: (facts) => facts.isSocket(), words: 'a socket file' },
  CharDevice: { isRight: (facts) => facts.isCharacterDevice(), words: 'a character device' },
  BlockDevice: { isRight: (facts) => facts.isBlockDevice(), words: 'a block device' },
};

/** @throws VolumeError Final – the path is not what `type` says. */
async function checkType(path: string, type: string): Promise<void> {
  // Nothing is checked; what is not there is made a directory, as container runtimes do where kubelet leaves it to them.
  if (type === '') return (await find(path)) ? undefined : makeDirectory(path);
  const check = checks[type.replace(/OrCreate$/, '')];
  const creates = type === 'DirectoryOrCreate' || type === 'FileOrCreate';
  if (!check || (type.endsWith('OrCreate') && !creates)) {
    throw new VolumeError('Final', `${type} is an invalid volume type`);
  }
  const facts = await find(path);
  if (!facts && creates) return type === 'FileOrCreate' ? makeFile(path) : makeDirectory(path);
  if (!facts || !check.isRight(facts)) {
    throw new VolumeError('Final', `hostPath type check failed: ${path} is not ${check.words}`);
  }
}

async function find(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES')) return undefined;
    throw error;
  }
}

async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o755 });
}

async function makeFile(path: string): Promise<void> {
  await using _ = await open(path, constants.O_CREAT | constants.O_WRONLY, 0o644);
}
