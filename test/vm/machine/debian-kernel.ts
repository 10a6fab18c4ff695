import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './cache-folder.ts';

export interface DebianKernel {
  readonly version: string;
  readonly image: string;
  /** Holds `lib/modules/VERSION`. */
  readonly modulesRoot: string;
}

const metaPackage = 'linux-image-cloud-amd64';

/** Debian's cloud kernel, taken out of its package once per version; this machine's own kernel and /boot stay as they are. @throws Error – there is none to be had. */
export function debianKernel(): DebianKernel {
  const name = newestPackage();
  const folder = join(cacheFolder(), name.replace('=', '_'));
  if (!existsSync(folder)) extract(name, folder);
  const image = readdirSync(join(folder, 'boot')).find((file) => file.startsWith('vmlinuz-'));
  if (image === undefined) throw new Error(`the package ${name} holds no kernel`);
  return {
    version: image.slice('vmlinuz-'.length),
    image: join(folder, 'boot', image),
    modulesRoot: folder,
  };
}

/** `linux-image-6.1.0-56-cloud-amd64=6.1.192-2`. @throws Error – the archive has none: this is no Debian. */
function newestPackage(): string {
  const found = knownPackage() ?? extracted();
  if (found !== undefined) return found;
  // The lists of packages are removed from many images.
  execFileSync('apt-get', ['update', '-qq'], { stdio: ['ignore', 2, 2] });
  const later = knownPackage();
  if (later === undefined) throw new Error(`apt knows no ${metaPackage}; it is Debian's`);
  return later;
}

function knownPackage(): string | undefined {
  const show = spawnSync('apt-cache', ['show', '--no-all-versions', metaPackage], { encoding: 'utf8' }).stdout ?? '';
  const name = /^Depends:.*?(linux-image-[\w.+-]+)/m.exec(show)?.[1];
  const version = /^Version: (\S+)$/m.exec(show)?.[1];
  return name === undefined || version === undefined ? undefined : `${name}=${version}`;
}

/** One that an earlier run took out. */
function extracted(): string | undefined {
  const names = existsSync(cacheFolder()) ? readdirSync(cacheFolder()) : [];
  return names.find((name) => name.startsWith('linux-image-'))?.replace('_', '=');
}

function extract(name: string, folder: string): void {
  mkdirSync(cacheFolder(), { recursive: true });
  const work = mkdtempSync(join(cacheFolder(), 'kernel-'));
  try {
    execFileSync('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', name], {
      cwd: work,
      stdio: ['ignore', 2, 2],
    });
    const deb = readdirSync(work).find((file) => file.endsWith('.deb'));
    if (deb === undefined) throw new Error(`apt-get downloaded no ${name}`);
    execFileSync('dpkg-deb', ['-x', deb, 'files'], { cwd: work });
    // Extracted elsewhere first: a folder of this name is whole.
    renameSync(join(work, 'files'), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
