import type { BindOptions } from '@berth/linux';

type Flag = NonNullable<BindOptions['flags']>[number];

/** Mount options that mean something on a bind mount (mount(8), "FILESYSTEM-INDEPENDENT MOUNT OPTIONS"). */
const perMount: ReadonlySet<string> = new Set<Flag>([
  'nosuid',
  'nodev',
  'noexec',
  'noatime',
  'nodiratime',
  'relatime',
  'nosymfollow',
]);

/** The defaults by name, and hints to the block device that a directory on a shared filesystem has nothing to do with. */
const withoutEffect = new Set(['defaults', 'rw', 'suid', 'dev', 'exec', 'symfollow', 'discard', 'nodiscard', 'bind']);

/** Options of a mount that make two publishes of one volume differ. */
const compared = ['ro', 'nosuid', 'nodev', 'noexec', 'nosymfollow'] as const;

export interface MountFlags {
  readonly readOnly: boolean;
  readonly flags: readonly Flag[];
}

/** @returns the flag that cannot be honoured, where there is one. */
export function unsupportedFlag(mountFlags: readonly string[]): string | undefined {
  return splitFlags(mountFlags).find((flag) => flag !== 'ro' && !perMount.has(flag) && !withoutEffect.has(flag));
}

export function parseMountFlags(mountFlags: readonly string[]): MountFlags {
  const flags = splitFlags(mountFlags);
  return { readOnly: flags.includes('ro'), flags: flags.filter((flag): flag is Flag => perMount.has(flag)) };
}

/** Whether `actual` options of a mount are what a bind of `base` with these flags has. */
export function sameOptions(actual: readonly string[], wanted: MountFlags, base: readonly string[]): boolean {
  const asked: readonly string[] = wanted.readOnly ? ['ro', ...wanted.flags] : wanted.flags;
  return compared.every((option) => actual.includes(option) === (asked.includes(option) || base.includes(option)));
}

function splitFlags(mountFlags: readonly string[]): string[] {
  return mountFlags.flatMap((flag) => flag.split(',')).filter((flag) => flag !== '');
}
