import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { linuxMounter } from '@berth/linux';

export type QuotaFs = 'ext4' | 'xfs' | 'btrfs';

/** A disk of its own for each, as the suite's options have them. */
const devices: Record<QuotaFs, string> = { ext4: '/dev/vdc', xfs: '/dev/vdd', btrfs: '/dev/vde' };

/** What makes the filesystem so that projects have limits, and the option of mount that enforces them. */
const recipes: Record<QuotaFs, { readonly mkfs: readonly string[]; readonly option: string }> = {
  ext4: { mkfs: ['-q', '-F', '-O', 'quota,project', '-E', 'quotatype=prjquota'], option: 'prjquota' },
  xfs: { mkfs: ['-q', '-f'], option: 'prjquota' },
  btrfs: { mkfs: ['-q', '-f'], option: '' },
};

export interface MountedDisk extends Disposable {
  readonly path: string;
  remount(options: readonly string[]): void;
}

/** A new filesystem, mounted with its quotas enforced unless told otherwise. */
export function freshDisk(
  fsType: QuotaFs,
  options: readonly string[] = [recipes[fsType].option],
  path = `/mnt/${fsType}`,
  device = devices[fsType],
): MountedDisk {
  execFileSync(`mkfs.${fsType}`, [...recipes[fsType].mkfs, device], { stdio: 'pipe' });
  mkdirSync(path, { recursive: true });
  const mount = (how: readonly string[]) =>
    linuxMounter.mount({ fsType, source: device, target: path, options: how.filter((one) => one !== '') });
  mount(options);
  return {
    path,
    remount(how) {
      linuxMounter.unmount(path);
      mount(how);
    },
    [Symbol.dispose]: () => linuxMounter.unmount(path),
  };
}
