import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** A driver of a node of this machine. */
export interface FoundDriver {
  readonly node: string;
  readonly endpoint: string;
}

/** Sockets of the drivers `berth up` started below a data directory: `nodes/<node>/csi/<driver>/csi.sock`. */
export function findSockets(dataDir: string): FoundDriver[] {
  const nodes = join(resolve(dataDir), 'nodes');
  return namesIn(nodes).flatMap((node) =>
    namesIn(join(nodes, node, 'csi'))
      .map((driver) => join(nodes, node, 'csi', driver, 'csi.sock'))
      .filter((socket) => existsSync(socket))
      .map((socket) => ({ node, endpoint: `unix://${socket}` })),
  );
}

/** Names in a directory, in order; none where it is missing. @throws an error with code EACCES */
export function namesIn(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}
