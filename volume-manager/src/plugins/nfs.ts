import { mkdir, rmdir } from 'node:fs/promises';
import { isErrno, type Mounter, runProgram } from '@berth/linux';
import { VolumeError } from '../executor/volume-error.ts';
import type { Layout } from '../kubelet-dir/layout.ts';
import { isMountPoint } from '../mount-table.ts';
import type { VolumeSpec } from '../volume-spec.ts';
import type { VolumePlugin } from './volume-plugin.ts';

const name = 'kubernetes.io/nfs';
/** A server that does not answer must not hold the volume's turn for ever; kubelet's node calls have the same limit. */
const mountTimeoutMs = 120_000;

/** An NFS export, mounted by mount(8) in a child: a dead server can block that child and nothing else. */
export function nfsPlugin({ layout, mounter }: { layout: Layout; mounter: Mounter }): VolumePlugin {
  const pathOf = (podUid: string, specName: string) => layout.podVolume(podUid, name, specName);
  return {
    name,
    hostPath: (spec) => pathOf(spec.podUid, spec.specName),
    async setUp(spec, renew, signal) {
      const target = pathOf(spec.podUid, spec.specName);
      if (renew || isMountPoint(mounter, target)) return {};
      await mkdir(target, { recursive: true, mode: 0o750 });
      await runInChild('mount', ['-t', 'nfs', '-o', mountOptions(spec), '--', exportOf(spec), target], signal);
      return {};
    },
    async tearDown(actual, signal) {
      const target = pathOf(actual.podUid, actual.specName);
      if (isMountPoint(mounter, target)) await runInChild('umount', ['--', target], signal);
      await rmdir(target).catch((error: unknown) => {
        if (!isErrno(error, 'ENOENT')) throw error;
      });
    },
  };
}

function exportOf(spec: VolumeSpec): string {
  const source = spec.pv ? spec.pv.spec?.nfs : spec.volume.nfs;
  if (!source) throw new VolumeError('Final', `volume ${spec.specName} has no nfs source`);
  return `${source.server.includes(':') ? `[${source.server}]` : source.server}:${source.path}`;
}

/** @throws VolumeError Final – an option that would become several (CVE-2026-6437). */
function mountOptions(spec: VolumeSpec): string {
  const options = spec.pv?.spec?.mountOptions ?? [];
  const readOnly = spec.readOnly || (spec.pv?.spec?.nfs?.readOnly ?? false);
  for (const option of options) {
    if (/[,\0-\x1f\x7f]/.test(option))
      throw new VolumeError('Final', 'a mount option has a comma or a control character');
  }
  return [readOnly ? 'ro' : 'rw', ...options].join(',');
}

async function runInChild(program: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  const { exitCode, stderr } = await runProgram(program, args, { signal, timeoutMs: mountTimeoutMs }).catch(
    (cause: Error) => {
      throw new VolumeError('Uncertain', `${program} failed: ${cause.message}`, { cause });
    },
  );
  if (exitCode === 0) return;
  throw new VolumeError('Uncertain', `${program} failed: ${stderr.trim() || `exit code ${exitCode}`}`);
}
