import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Programs of this machine that the guest has too, where they are installed here. */
const programs = [
  'mkfs.ext4',
  'mkfs.xfs',
  'mkfs.btrfs',
  'e2fsck',
  'fsck.ext4',
  'fsck.xfs',
  'xfs_repair',
  'xfs_growfs',
  'resize2fs',
  'tune2fs',
  'btrfs',
  'btrfstune',
  'blkid',
];

export interface GuestFile {
  readonly from: string;
  readonly to: string;
}

/** Node, what makes and grows filesystems, and further programs, each with the libraries it is linked against. */
export function guestFiles(further: readonly string[]): readonly GuestFile[] {
  const found = programs.flatMap((name) => which(name)).map((from) => ({ from, to: from }));
  const all = [
    { from: realpathSync(process.execPath), to: '/usr/bin/node' },
    ...found,
    ...further.map((from) => ({ from, to: join('/usr/bin', from.slice(from.lastIndexOf('/') + 1)) })),
  ];
  const libraries = new Set(all.flatMap(({ from }) => librariesOf(from)));
  return [...all, ...[...libraries].map((from) => ({ from, to: from }))];
}

export function copyInto(root: string, files: readonly GuestFile[]): void {
  for (const { from, to } of files) {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    copyFileSync(from, join(root, to));
  }
}

function which(name: string): string[] {
  const folder = ['/sbin', '/usr/sbin', '/bin', '/usr/bin'].find((one) => existsSync(join(one, name)));
  return folder === undefined ? [] : [join(folder, name)];
}

/** Paths as the loader opens them, the loader itself included; none of a static program. */
function librariesOf(program: string): string[] {
  if (spawnSync('ldd', [program]).status !== 0) return [];
  const lines = execFileSync('ldd', [program], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? []);
}
