import type { NfsAttributes } from '../protocol/nfs-attributes.ts';
import type { NfsProtocol } from '../protocol/nfs-protocol.ts';
import type { DiskUsage } from './nfs-client.ts';
import { type TreeEntry, walkTree } from './walk-tree.ts';

/** Counts what a tree takes, as `du -x` does. */
export async function diskUsage(protocol: NfsProtocol, top: TreeEntry, signal: AbortSignal): Promise<DiskUsage> {
  const total = { usedBytes: 0, apparentBytes: 0, files: 0, directories: 0 };
  const linked = new Set<bigint>();
  const count = (attributes: NfsAttributes) => {
    if (attributes.type === 'directory') {
      total.directories += 1;
    } else {
      if (attributes.links > 1 && linked.has(attributes.fileId)) return;
      if (attributes.links > 1) linked.add(attributes.fileId);
      total.files += 1;
      total.apparentBytes += attributes.sizeBytes;
    }
    total.usedBytes += attributes.usedBytes;
  };
  if (top.node.attributes.type !== 'directory') {
    count(top.node.attributes);
    return total;
  }
  const visitor = {
    isRemoval: false,
    enter: async ({ node }: TreeEntry) => count(node.attributes),
    leaf: async ({ node, isMount }: TreeEntry & { readonly isMount: boolean }) => {
      if (!isMount) count(node.attributes);
    },
    leave: async () => 'done' as const,
  };
  await walkTree<void>(protocol, { top, place: undefined, visitor }, signal);
  return total;
}
