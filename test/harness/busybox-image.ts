import { chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ImageStore, ResolvedImage } from '../../orchestrator/src/runtime/image-source.ts';

const applets = [
  'sh',
  'sleep',
  'cat',
  'echo',
  'ls',
  'id',
  'hostname',
  'wget',
  'httpd',
  'nc',
  'ip',
  'stty',
  'dd',
  'tail',
  'ps',
  'yes',
  'head',
  'true',
  'false',
  'touch',
  'mkdir',
  'ln',
  'env',
  'kill',
  'grep',
  'pwd',
  'readlink',
  'mount',
  'stat',
  'printf',
  'trap',
];

/** A root filesystem of busybox alone (Debian's busybox-static), unpacked under `directory`. */
export async function busyboxImage(
  directory: string,
  extra: Partial<ResolvedImage['config']> = {},
): Promise<ResolvedImage> {
  const layer = join(directory, 'layer');
  for (const path of ['bin', 'etc', 'tmp', 'proc', 'dev', 'sys', 'data', 'home'])
    await mkdir(join(layer, path), { recursive: true });
  await copyFile('/bin/busybox', join(layer, 'bin/busybox'));
  await chmod(join(layer, 'bin/busybox'), 0o755);
  for (const name of applets) await symlink('busybox', join(layer, 'bin', name));
  await writeFile(join(layer, 'etc/passwd'), 'root:x:0:0::/root:/bin/sh\nweb:x:1000:1001::/home:/bin/sh\n');
  await writeFile(join(layer, 'etc/group'), 'root:x:0:\nweb:x:1001:\nstaff:x:1002:web\n');
  return {
    id: `sha256:${'b'.repeat(64)}`,
    config: { Env: ['FROM_IMAGE=yes'], Cmd: ['sleep', '1000'], ...extra },
    layerDirs: [layer],
  };
}

/** An image store that knows these names. */
export function fixedImages(images: Readonly<Record<string, ResolvedImage>>): ImageStore {
  return {
    resolve: async (reference) => images[reference] ?? Object.values(images).find(({ id }) => id === reference),
  };
}
