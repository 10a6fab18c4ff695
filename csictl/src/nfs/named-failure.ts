import { isNfsError, NfsError, type NfsErrorCode } from '@berth/nfs-client';
import { printable } from '../output/format-table.ts';

/** What a server's status means to whoever typed a URL. */
const words: Partial<Record<NfsErrorCode, string>> = {
  NOENT: 'no such file or directory',
  NOTDIR: 'not a directory',
  ISDIR: 'is a directory',
  SYMLINK: 'is no regular file',
  WRONG_TYPE: 'is no regular file',
  ACCESS: 'permission denied',
  PERM: 'not permitted',
};

/** Does what has to do with one URL; its failure says which. @throws NfsError */
export async function naming<T>(url: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isNfsError(error)) throw error;
    const { code, message } = error;
    throw new NfsError(code, `${printable(url)}: ${words[code] ?? message}`, { cause: error });
  }
}
