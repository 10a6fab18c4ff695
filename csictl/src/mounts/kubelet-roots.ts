import { hostname } from 'node:os';
import { join } from 'node:path';
import { resolveLinks } from '@berth/linux';
import { namesIn } from '../connect/find-sockets.ts';

/** A kubelet's directory on this machine. */
export interface KubeletRoot {
  readonly node: string;
  readonly path: string;
  /** Where the runtime beside it keeps containers; none for another kubelet's. */
  readonly runtime?: string;
}

/** The kubelet directories of every node of a data directory, and another kubelet's where it is named. */
export function kubeletRoots(dataDir: string, kubeletDir: string | undefined): KubeletRoot[] {
  const nodes = join(resolveLinks(dataDir), 'nodes');
  const own = namesIn(nodes).map((node) => ({
    node,
    path: join(nodes, node, 'kubelet'),
    runtime: join(nodes, node, 'runtime'),
  }));
  return kubeletDir === undefined ? own : [...own, { node: hostname(), path: resolveLinks(kubeletDir) }];
}
