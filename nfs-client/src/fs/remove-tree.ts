import { isNfsError, NfsError } from '../nfs-error.ts';
import type { NameAt, NfsProtocol } from '../protocol/nfs-protocol.ts';
import { walkTree } from './walk-tree.ts';

/** A directory others write into may fill again while it is emptied; after so many rounds they are faster. */
const maxRounds = 8;

/** What is below may go while it is removed: by somebody else who removes it too. */
const gone = ['NOENT', 'STALE'] as const;

/** Removes what a name leads to with all below. An absent name is fine. @throws NfsError XDEV – another filesystem is mounted below. */
export async function removeTree(protocol: NfsProtocol, at: NameAt, signal: AbortSignal): Promise<void> {
  const node = await absentAsUndefined(protocol.lookup(at, signal), 'NOENT');
  if (!node) return;
  if (node.attributes.type !== 'directory') {
    await absentAsUndefined(protocol.remove(at, signal), 'NOENT');
    return;
  }
  await walkTree<undefined>(
    protocol,
    {
      top: { at, node },
      place: undefined,
      visitor: {
        isRemoval: true,
        enter: async () => undefined,
        leaf: async (entry) => {
          if (entry.isMount)
            throw new NfsError('XDEV', `remove ${JSON.stringify(entry.at.name)}: another filesystem is mounted there`);
          await absentAsUndefined(protocol.remove(entry.at, signal), ...gone);
        },
        leave: async ({ at: dir }, _place, round) => {
          try {
            // A directory above that is gone says nothing of the top: it may have been moved.
            await absentAsUndefined(protocol.rmdir(dir, signal), ...(dir === at ? ['NOENT' as const] : gone));
            return 'done';
          } catch (error) {
            if (!isNfsError(error, 'NOTEMPTY', 'EXIST') || round >= maxRounds) throw error;
            return 'again';
          }
        },
      },
    },
    signal,
  );
}

async function absentAsUndefined<T>(
  result: Promise<T>,
  ...absent: readonly ('NOENT' | 'STALE')[]
): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (isNfsError(error, ...absent)) return undefined;
    throw error;
  }
}
