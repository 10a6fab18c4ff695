import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { resolveLinks } from '@berth/linux';
import { namesIn } from '../connect/find-sockets.ts';
import { CsictlError } from '../csictl-error.ts';

/** A kubelet's directory on this machine. */
export interface KubeletRoot {
  readonly node: string;
  readonly path: string;
  /** Where the runtime beside it keeps containers; none for another kubelet's. */
  readonly runtime?: string;
}

/**
 * The kubelet directories of every node of a data directory, and another kubelet's where it is named.
 * @throws NOT_FOUND – that other one is not there
 */
export function kubeletRoots(dataDir: string, kubeletDir: string | undefined): KubeletRoot[] {
  const nodes = join(resolveLinks(dataDir), 'nodes');
  const own = namesIn(nodes).map((node) => ({
    node,
    path: join(nodes, node, 'kubelet'),
    runtime: join(nodes, node, 'runtime'),
  }));
  if (kubeletDir === undefined) return own;
  if (!existsSync(kubeletDir))
    throw new CsictlError('NOT_FOUND', `kubelet directory ${kubeletDir}: not found`, {
      hint: 'name the --root-dir of a kubelet of this machine with --kubelet-dir DIR',
    });
  return [...own, { node: hostname(), path: resolveLinks(kubeletDir) }];
}
