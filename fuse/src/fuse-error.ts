import { constants } from 'node:os';
import { CodedError } from '@berth/kit';

export type Errno = keyof typeof constants.errno;

/** What a program that uses the file system gets as errno. */
export class FuseError extends CodedError<Errno> {}

/** The number of an errno as replies carry it. */
export function errnoNumber(code: Errno): number {
  return constants.errno[code];
}
