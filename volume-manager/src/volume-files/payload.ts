import { VolumeError } from '../executor/volume-error.ts';

export interface PayloadFile {
  readonly data: Buffer;
  readonly mode: number;
  /** The user who may read it (a token of a pod that runs as one user). */
  readonly uid?: number | undefined;
}

/** Files of a volume made of API objects, by their path in it. */
export type Payload = ReadonlyMap<string, PayloadFile>;

const maxPathLength = 4096;
const maxFileNameLength = 255;

/**
 * Refuses paths that would leave the volume or hide its bookkeeping (upstream atomic_writer.go validatePath).
 * @throws VolumeError Final
 */
export function validatePayloadPath(path: string): void {
  const problem = problemOf(path);
  if (problem !== undefined) throw new VolumeError('Final', problem);
}

function problemOf(path: string): string | undefined {
  if (path === '') return 'invalid path: must not be empty: ""';
  if (path.startsWith('/')) return `invalid path: must be relative path: ${path}`;
  if (path.includes('\0')) return 'invalid path: must not contain NUL';
  if (Buffer.byteLength(path) > maxPathLength) {
    return `invalid path: must be less than or equal to ${maxPathLength} characters`;
  }
  for (const item of path.split('/')) {
    if (item === '..') return `invalid path: must not contain '..': ${path}`;
    if (Buffer.byteLength(item) > maxFileNameLength) {
      return `invalid path: filenames must be less than or equal to ${maxFileNameLength} characters`;
    }
  }
  if (path.startsWith('..') && path.length > 2) return `invalid path: must not start with '..': ${path}`;
  return undefined;
}
