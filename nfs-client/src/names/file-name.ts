import type { Buffer } from 'node:buffer';
import { badReply, NfsError } from '../nfs-error.ts';
import { decodeBytes, encodeBytes } from './byte-string.ts';

/** Of Linux and of every filesystem that servers export. */
const maxNameBytes = 255;
/** PATH_MAX: what a symlink may hold. */
const maxTargetBytes = 4096;

/** The bytes of one name. @throws NfsError BAD_NAME – it is empty, `.`, `..`, too long or holds `/` or NUL. */
export function encodeName(name: string): Buffer {
  const bytes = encodeBytes(name);
  const problem = bytes ? problemOf(bytes) : 'holds half a surrogate pair';
  if (problem) throw new NfsError('BAD_NAME', `name ${JSON.stringify(name)}: ${problem}`);
  return bytes as Buffer;
}

/** A name in a listing. @throws NfsError BAD_REPLY – no directory can hold it, so the server is after something. */
export function decodeName(bytes: Uint8Array): string {
  const problem = problemOf(bytes);
  if (problem) throw badReply(`a directory holds a name that ${problem}`);
  return decodeBytes(bytes);
}

/** `.` and `..` are listed by NFSv3 servers and are no entries of ours. */
export function isDotName(bytes: Uint8Array): boolean {
  return bytes.length <= 2 && bytes.length > 0 && bytes.every((byte) => byte === 0x2e);
}

/** The bytes of a symlink's target, which may be anything but empty or NUL. @throws NfsError BAD_NAME. */
export function encodeTarget(target: string): Buffer {
  const bytes = encodeBytes(target);
  if (!bytes || bytes.length === 0 || bytes.length > maxTargetBytes || bytes.includes(0))
    throw new NfsError(
      'BAD_NAME',
      `symlink target of ${target.length} characters: empty, over ${maxTargetBytes} bytes, or holds NUL`,
    );
  return bytes;
}

/** The names in a path below the root. @throws NfsError BAD_NAME – one of them is not to be sent. */
export function splitPath(path: string): string[] {
  const trimmed = path.replace(/^\//, '').replace(/\/$/, '');
  if (trimmed === '') return [];
  const names = trimmed.split('/');
  for (const name of names) encodeName(name);
  return names;
}

function problemOf(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return 'is empty';
  if (bytes.length > maxNameBytes) return `has ${bytes.length} bytes, ${maxNameBytes} are allowed`;
  if (isDotName(bytes)) return 'is a dot name, which leads elsewhere';
  if (bytes.includes(0x2f)) return 'holds a slash';
  if (bytes.includes(0)) return 'holds NUL';
  return undefined;
}
