import { badReply, isNfsError } from '../nfs-error.ts';
import type { NfsHandle } from '../protocol/nfs-handle.ts';
import type {
  DirectoryCursor,
  DirectoryPage,
  NfsDirectoryEntry,
  NfsNode,
  NfsProtocol,
} from '../protocol/nfs-protocol.ts';

/** One page, of a server that must get on: a page that leads back to where it began is BAD_REPLY. */
export async function readPage(
  protocol: NfsProtocol,
  { dir, cursor }: { readonly dir: NfsHandle; readonly cursor: DirectoryCursor | undefined },
  signal: AbortSignal,
): Promise<DirectoryPage> {
  const page = await protocol.readdir(dir, cursor, signal);
  if (!page.end && page.next.cookie === (cursor?.cookie ?? 0n)) throw badReply('a directory page leads back to itself');
  return page;
}

/** Handle and attributes of an entry, asked for where the listing left them out; undefined where it is gone meanwhile. */
export async function nodeOf(
  protocol: NfsProtocol,
  { dir, entry }: { readonly dir: NfsHandle; readonly entry: NfsDirectoryEntry },
  signal: AbortSignal,
): Promise<NfsNode | undefined> {
  const { handle, attributes, name } = entry;
  if (handle && attributes) return { handle, attributes };
  try {
    return await protocol.lookup({ dir, name }, signal);
  } catch (error) {
    if (isNfsError(error, 'NOENT')) return undefined;
    throw error;
  }
}
