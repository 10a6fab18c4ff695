import { mkdir } from 'node:fs/promises';
import type { ResolvedImage } from './image-source.ts';
import { mountOverlay } from './overlay-mount.ts';
import type { StateLayout } from './state-layout.ts';

/** Mounts the image's layers with a writable one on top as the container's root filesystem. */
export async function mountRootfs(layout: StateLayout, id: string, image: ResolvedImage): Promise<string> {
  const { upper, work } = layout.containerLayer(id);
  const rootfs = layout.rootfs(id);
  await Promise.all([upper, work, rootfs].map((path) => mkdir(path, { recursive: true, mode: 0o755 })));
  await mountOverlay({ layers: image.layerDirs, upper, work, target: rootfs });
  return rootfs;
}
