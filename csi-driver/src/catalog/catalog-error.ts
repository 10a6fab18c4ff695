import { dirname } from 'node:path';
import { CodedError } from '@berth/kit';

/** `Full` the disk has no room; `ReadOnly` it takes no writes; `Unopened` one of its files could not be opened; `Damaged` what was read is not what was written; `InUse` another driver has the pool; `Newer` a later version wrote it. */
export type CatalogErrorCode = 'Full' | 'ReadOnly' | 'Unopened' | 'Damaged' | 'InUse' | 'Newer' | 'Failed';

/** The catalog could not be opened, read or written. */
export class CatalogError extends CodedError<CatalogErrorCode> {}

/** SQLite's primary result codes (sqlite.org/rescode.html) that mean something to a user. */
const codes: Readonly<Record<number, CatalogErrorCode>> = {
  5: 'InUse',
  8: 'ReadOnly',
  11: 'Damaged',
  13: 'Full',
  14: 'Unopened',
  26: 'Damaged',
};

/** What node:sqlite throws, as a CatalogError that says what to do. */
export function asCatalogError(error: unknown, path: string): CatalogError {
  if (error instanceof CatalogError) return error;
  const { errcode, message } = error as { errcode?: number; message?: string };
  const code = errcode === undefined ? 'Failed' : (codes[errcode & 0xff] ?? 'Failed');
  const reason = inOneLine(message ?? String(error));
  return new CatalogError(code, wording(code, path, reason), { cause: error, detail: reason });
}

/** Its `detail` is the reason alone. */
export function damaged(path: string, reason: string): CatalogError {
  const detail = inOneLine(reason);
  return new CatalogError('Damaged', wording('Damaged', path, detail), { detail });
}

/** SQLite tells of damage in several lines. */
function inOneLine(text: string): string {
  return text.split(/\s*\n\s*/).join(' ');
}

/** Another driver has this pool, which need not be the one with the catalog. */
export function poolInUse(pool: string): CatalogError {
  return new CatalogError('InUse', inUse(pool));
}

function inUse(pool: string): string {
  return `the pool ${pool} is in use: another csi-driver runs on it; stop it or choose another --pool`;
}

function wording(code: CatalogErrorCode, path: string, reason: string): string {
  if (code === 'Full') return `no space left to write the catalog ${path}; nothing was changed: free some space`;
  if (code === 'ReadOnly') return `the catalog ${path} is on a filesystem that is read-only now; nothing was changed`;
  if (code === 'InUse') return inUse(dirname(path));
  if (code === 'Damaged') {
    return (
      `the catalog ${path} is damaged (${reason}); the data of the volumes was not touched. ` +
      `Run \`csi-driver recover --pool ${dirname(path)}\` (with all --pool flags of the driver, where it has several) ` +
      `to make it anew from the data, or restore ${path} from a backup`
    );
  }
  return `catalog ${path}: ${reason}`;
}
