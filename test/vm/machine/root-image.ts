import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { cacheFolder } from './cache-folder.ts';
import type { DebianKernel } from './debian-kernel.ts';
import { copyInto, type GuestFile, guestFiles } from './guest-files.ts';
import { bootScript, startScript } from './guest-scripts.ts';

export interface GuestSystem {
  /** A read-only ext4 with busybox, Node, the programs of filesystems, and the kernel's modules. */
  readonly rootImage: string;
  /** What the kernel starts from: busybox and the modules that reach the disk. */
  readonly initramfs: string;
}

/** Folders of modules that tests may load. */
const moduleFolders = [
  'fs',
  'net',
  'lib',
  'crypto',
  'arch',
  'drivers/block',
  'drivers/virtio',
  'drivers/char',
  'drivers/net',
];

/** Those between the kernel and its root disk. */
const bootModules = ['virtio_pci', 'virtio_blk'];

/** Built once for what it is made of: the kernel, Node and the programs. `further` are programs of the tests. */
export function guestSystem(kernel: DebianKernel, further: readonly string[]): GuestSystem {
  const files = guestFiles(further);
  const kind = ['system', ...further.map((program) => basename(program).replaceAll('.', '-'))].join('-');
  const folder = join(cacheFolder(), `${kind}.${fingerprint(kernel, files)}`);
  if (!existsSync(folder)) build(kernel, files, folder);
  return { rootImage: join(folder, 'root.img'), initramfs: join(folder, 'initramfs.cpio') };
}

function fingerprint(kernel: DebianKernel, files: readonly GuestFile[]): string {
  const facts = files.map(({ from, to }) => [from, to, statSync(from).size, statSync(from).mtimeMs]);
  const text = JSON.stringify([
    kernel.version,
    kernel.modulesRoot,
    moduleFolders,
    bootModules,
    bootScript,
    startScript,
    facts,
  ]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function build(kernel: DebianKernel, files: readonly GuestFile[], folder: string): void {
  mkdirSync(cacheFolder(), { recursive: true });
  const work = mkdtempSync(join(cacheFolder(), 'build-'));
  try {
    const root = join(work, 'root');
    const boot = join(work, 'boot');
    const out = join(work, 'out');
    mkdirSync(out);
    layOut(root);
    copyInto(root, files);
    copyModules(kernel, root);
    writeFileSync(join(root, 'start'), startScript, { mode: 0o755 });
    layOut(boot);
    copyBootModules(kernel, { root, boot });
    writeFileSync(join(boot, 'init'), bootScript, { mode: 0o755 });
    makeImage(root, join(out, 'root.img'));
    makeArchive(boot, join(out, 'initramfs.cpio'));
    removeOlder(folder);
    renameSync(out, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Only the newest of a kind is kept: each has some hundred megabytes, and guests of another kind may be about to boot. */
function removeOlder(folder: string): void {
  const [kind] = basename(folder).split('.');
  for (const name of readdirSync(cacheFolder())) {
    if (name.startsWith(`${kind}.`)) rmSync(join(cacheFolder(), name), { recursive: true, force: true });
  }
}

/** Folders of a root filesystem, and busybox under each of its names. */
function layOut(root: string): void {
  for (const name of [
    'bin',
    'sbin',
    'usr/bin',
    'usr/sbin',
    'lib64',
    'dev',
    'proc',
    'sys',
    'tmp',
    'run',
    'etc',
    'var',
    'root',
    'mnt',
    'code',
  ]) {
    mkdirSync(join(root, name), { recursive: true });
  }
  copyInto(root, [{ from: busybox(), to: '/bin/busybox' }]);
  for (const name of execFileSync(busybox(), ['--list'], { encoding: 'utf8' }).split('\n')) {
    if (name !== '' && name !== 'busybox') symlinkSync('/bin/busybox', join(root, 'bin', name));
  }
  // Where the kernel looks for it.
  symlinkSync('/bin/busybox', join(root, 'sbin/modprobe'));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nweb:x:1000:1000::/tmp:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nweb:x:1000:\n');
  writeFileSync(join(root, 'etc/hosts'), '127.0.0.1 localhost\n');
  writeFileSync(join(root, 'etc/mtab'), '');
}

function busybox(): string {
  return existsSync('/bin/busybox') ? '/bin/busybox' : '/usr/bin/busybox';
}

function copyModules({ modulesRoot, version }: DebianKernel, root: string): void {
  const from = join(modulesRoot, 'lib/modules', version);
  const to = join(root, 'lib/modules', version);
  for (const name of moduleFolders) cpSync(join(from, 'kernel', name), join(to, 'kernel', name), { recursive: true });
  for (const name of ['modules.order', 'modules.builtin', 'modules.builtin.modinfo']) {
    if (existsSync(join(from, name))) cpSync(join(from, name), join(to, name));
  }
  execFileSync(busybox(), ['depmod', '-b', root, version]);
}

function copyBootModules(
  { version }: DebianKernel,
  { root, boot }: { readonly root: string; readonly boot: string },
): void {
  const base = join('lib/modules', version);
  const listing = execFileSync('cat', [join(root, base, 'modules.dep')], { encoding: 'utf8' });
  const needed = new Map<string, readonly string[]>();
  for (const line of listing.split('\n')) {
    const [file = '', rest = ''] = line.split(':');
    needed.set(
      file,
      rest.split(' ').filter((one) => one !== ''),
    );
  }
  for (const name of bootModules) {
    const file = [...needed.keys()].find((one) => one.endsWith(`/${name}.ko`));
    if (file === undefined) throw new Error(`the kernel has no module ${name}`);
    for (const one of [file, ...(needed.get(file) ?? [])]) cpSync(join(root, base, one), join(boot, base, one));
  }
  execFileSync(busybox(), ['depmod', '-b', boot, version]);
}

function makeImage(folder: string, file: string): void {
  const kib = Number(execFileSync('du', ['-sk', folder], { encoding: 'utf8' }).split('\t')[0]);
  const options = ['-q', '-F', '-O', '^has_journal', '-m', '0', '-d', folder];
  execFileSync('mkfs.ext4', [...options, file, `${Math.ceil(kib * 1.1) + 16_384}k`], { stdio: 'pipe' });
}

function makeArchive(folder: string, file: string): void {
  const names = execFileSync('find', ['.', '-print0'], { cwd: folder });
  const archive = execFileSync(busybox(), ['cpio', '-o', '-0', '-H', 'newc'], {
    cwd: folder,
    input: names,
    maxBuffer: 256 * 1024 ** 2,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  writeFileSync(file, archive);
}
