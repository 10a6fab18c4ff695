import { closeSync, constants, openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mounter } from '@berth/linux';
import type { ResolvedImage } from './image-source.ts';
import type { StateLayout } from './state-layout.ts';

/** Mounts the image's layers with a writable one on top as the container's root filesystem. */
export async function mountRootfs(
  layout: StateLayout,
  mounter: Mounter,
  id: string,
  image: ResolvedImage,
): Promise<string> {
  const at = layout.container(id);
  const [upper, work, rootfs] = [join(at, 'upper'), join(at, 'work'), layout.rootfs(id)];
  await Promise.all([upper, work, rootfs].map((path) => mkdir(path, { recursive: true, mode: 0o755 })));
  const upperOptions = [`upperdir=${escapeOption(upper)}`, `workdir=${escapeOption(work)}`];
  // Overlay reads the uppermost layer first.
  const layers = image.layerDirs.toReversed();
  const options = [`lowerdir=${layers.map(escapeLayer).join(':')}`, ...upperOptions];
  if (options.join(',').length < maxOptionBytes) overlay(mounter, rootfs, options);
  else mountByFd(layers, (paths) => overlay(mounter, rootfs, [`lowerdir=${paths.join(':')}`, ...upperOptions]));
  return rootfs;
}

/** mount(2) takes one page of options; what is longer would be cut off. */
const maxOptionBytes = 4000;

function overlay(mounter: Mounter, target: string, options: readonly string[]): void {
  mounter.mount({ fsType: 'overlay', source: 'overlay', target, options });
}

/** Names the layers by open fds, which keeps even the 127 layers an image may have within the page. */
function mountByFd(layers: readonly string[], mount: (paths: readonly string[]) => void): void {
  const fds: number[] = [];
  try {
    for (const layer of layers) fds.push(openSync(layer, constants.O_RDONLY | constants.O_DIRECTORY));
    mount(fds.map((fd) => `/proc/self/fd/${fd}`));
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

/** Overlay splits layers at colons and options at commas; a backslash keeps them (fs/overlayfs/params.c). */
function escapeLayer(path: string): string {
  return escapeOption(path).replaceAll(':', '\\:');
}

function escapeOption(path: string): string {
  return path.replaceAll('\\', '\\\\').replaceAll(',', '\\,');
}
