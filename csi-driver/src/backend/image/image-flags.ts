import { unsupportedFlag } from '../../rules/mount-flags.ts';
import { type FsType, fsTypes } from './superblock.ts';

const onAny = [/^(no)?discard$/, /^sync$/, /^dirsync$/, /^lazytime$/, /^strictatime$/];

/** Options of each filesystem that change how it works and cannot harm others (the kernel's admin-guide, per filesystem). */
const perFilesystem: Readonly<Record<FsType, readonly RegExp[]>> = {
  ext4: [
    /^data=(ordered|writeback|journal)$/,
    /^commit=\d{1,5}$/,
    /^barrier=[01]$/,
    /^errors=(remount-ro|continue)$/,
    /^(no)?auto_da_alloc$/,
    /^(no)?delalloc$/,
    /^dioread_(no)?lock$/,
    /^(no)?acl$/,
  ],
  xfs: [
    /^inode(64|32)$/,
    /^nouuid$/,
    /^logbufs=\d$/,
    /^logbsize=\d{1,6}k?$/,
    /^allocsize=\d{1,6}[kmg]?$/,
    /^largeio$/,
    /^swalloc$/,
  ],
  btrfs: [
    /^compress(-force)?(=(zlib|lzo|zstd|no)(:\d{1,2})?)?$/,
    /^(no)?autodefrag$/,
    /^(no)?ssd$/,
    /^commit=\d{1,5}$/,
    /^(no)?datacow$/,
    /^(no)?acl$/,
  ],
};

/** Words that are the default or mean nothing to a filesystem. */
const dropped = new Set(['defaults', 'rw', 'suid', 'dev', 'exec', 'symfollow', 'bind']);

/** Why the flags cannot be had; without repeating one, since mount flags may hold secrets. */
export function objectionToImageFlags(mountFlags: readonly string[], fsType: string): string | undefined {
  const types = fsTypes.filter((type) => fsType === '' || type === fsType);
  const patterns = [...onAny, ...types.flatMap((type) => perFilesystem[type])];
  const bad = wordsOf(mountFlags).some(
    (flag) => unsupportedFlag([flag]) !== undefined && !patterns.some((pattern) => pattern.test(flag)),
  );
  return bad ? `one of mount_flags is not in the allow-list for ${fsType || 'a filesystem image'}` : undefined;
}

/** Beside what is asked for. */
const always: Readonly<Partial<Record<FsType, string>>> = {
  // Its thread would empty the inode tables by giving their room back to the pool, a twentieth of what a reserved image was promised.
  ext4: 'noinit_itable',
  // Copies have the same UUID, which may be mounted elsewhere.
  xfs: 'nouuid',
};

/** Options to mount an image with. */
export function imageMountOptions(mountFlags: readonly string[], fsType: FsType): string[] {
  const own = wordsOf(mountFlags).filter((flag) => !dropped.has(flag));
  const added = always[fsType];
  return added === undefined || own.includes(added) ? own : [...own, added];
}

function wordsOf(mountFlags: readonly string[]): string[] {
  return mountFlags.flatMap((flag) => flag.split(',')).filter((flag) => flag !== '');
}
