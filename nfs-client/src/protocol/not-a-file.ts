import { NfsError } from '../nfs-error.ts';
import type { NfsFileType } from './nfs-attributes.ts';

/** Why a name can't be opened for reading or writing. */
export function notAFile(name: string, type: NfsFileType): NfsError {
  const code = type === 'directory' ? 'ISDIR' : type === 'symlink' ? 'SYMLINK' : 'WRONG_TYPE';
  return new NfsError(code, `open ${JSON.stringify(name)}: it is a ${type}`);
}
