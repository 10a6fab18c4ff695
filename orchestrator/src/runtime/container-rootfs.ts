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
  // Overlay reads the uppermost layer first.
  const lower = image.layerDirs.toReversed().map(escapeLayer).join(':');
  const options = [`lowerdir=${lower}`, `upperdir=${escapeOption(upper)}`, `workdir=${escapeOption(work)}`];
  mounter.mount({ fsType: 'overlay', source: 'overlay', target: rootfs, options });
  return rootfs;
}

/** Overlay splits layers at colons and options at commas; a backslash keeps them (fs/overlayfs/params.c). */
function escapeLayer(path: string): string {
  return escapeOption(path).replaceAll(':', '\\:');
}

function escapeOption(path: string): string {
  return path.replaceAll('\\', '\\\\').replaceAll(',', '\\,');
}
