import { readFile } from 'node:fs/promises';
import type { User } from '../user.ts';
import { parseCsv } from './csv.ts';

export interface KnownUser extends User {
  /** The token or the password. */
  readonly secret: string;
}

/**
 * Reads a static file of users: lines of `SECRET,NAME,UID[,"GROUP1,GROUP2"]`. Read once, as upstream does.
 * @throws RangeError – the file cannot be read, or a line is wrong; names file and line, never a secret.
 */
export async function readUserFile(flag: string, path: string): Promise<KnownUser[]> {
  const where = `${flag} ${path}`;
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new RangeError(`${where} cannot be read: ${error.code}`);
  });
  return records(text, where).map((fields, index) => {
    const [secret = '', name = '', uid = '', groups = ''] = fields;
    const line = `${where}: record ${index + 1}`;
    if (fields.length < 3) throw new RangeError(`${line} has fewer than 3 columns: secret, user name, user uid`);
    if (secret === '' || name === '')
      throw new RangeError(`${line} has an empty ${secret === '' ? 'secret' : 'user name'}`);
    return { secret, name, uid, groups: groups === '' ? [] : groups.split(',').map((group) => group.trim()) };
  });
}

function records(text: string, where: string): string[][] {
  try {
    return parseCsv(text);
  } catch (error) {
    throw new RangeError(`${where}: ${(error as Error).message}`, { cause: error });
  }
}
