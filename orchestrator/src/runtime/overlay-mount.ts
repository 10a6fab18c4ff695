import { closeSync, constants, openSync } from 'node:fs';
import { mountAside } from '@berth/linux';

export interface Overlay {
  /** Read-only directories, the lowest first. */
  readonly layers: readonly string[];
  readonly upper: string;
  readonly work: string;
  readonly target: string;
}

/** mount(2) takes one page of options; what is longer would be cut off. */
const maxOptionBytes = 4000;

/** Mounts a writable directory over layers, however many and wherever they are. */
export async function mountOverlay({ layers, upper, work, target }: Overlay): Promise<void> {
  const upperOptions = [`upperdir=${escapeOption(upper)}`, `workdir=${escapeOption(work)}`];
  // Overlay reads the uppermost layer first.
  const lower = layers.toReversed();
  const options = [`lowerdir=${lower.map(escapeLayer).join(':')}`, ...upperOptions];
  const mount = (all: readonly string[]) => mountAside({ fsType: 'overlay', source: 'overlay', target, options: all });
  if (Buffer.byteLength(options.join(',')) < maxOptionBytes) await mount(options);
  else await mountByFd(lower, (paths) => mount([`lowerdir=${paths.join(':')}`, ...upperOptions]));
}

/** Names the layers by open fds, which keeps even the 127 layers an image may have within the page. */
async function mountByFd(layers: readonly string[], mount: (paths: readonly string[]) => Promise<void>): Promise<void> {
  const fds: number[] = [];
  try {
    for (const layer of layers) fds.push(openSync(layer, constants.O_RDONLY | constants.O_DIRECTORY));
    await mount(fds.map((fd) => `/proc/self/fd/${fd}`));
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
