import { crc32 } from 'node:zlib';
import type { OwnRecord } from './own-record.ts';
import type { VolumeState } from './volume-record.ts';

/** What all records have. */
export interface Recorded {
  readonly sequence: number;
  readonly id: string;
  readonly name: string;
  readonly state: VolumeState;
}

/** A row as SQLite gives it: the codec's columns besides these. */
export interface Row {
  readonly sequence: number;
  readonly id: string;
  readonly details: string;
  readonly checksum: number;
  readonly [column: string]: unknown;
}

type Details = Record<string, unknown>;

/** How records of one kind are rows: some fields are columns, in this order; all others are in `details`, as JSON. */
export interface Codec<R extends Recorded> {
  readonly table: string;
  /** How messages name one. */
  readonly what: string;
  /** What one is in its own record beside its data; absent for what has no data. */
  readonly own?: OwnRecord['kind'];
  readonly columns: Readonly<{ id: 'id'; name: 'name' } & Partial<Record<keyof R, string>>>;
  /** Makes each version of `details` out of the one before; the number of steps and one is the version written now. */
  readonly upgrades: readonly ((details: Details) => Details)[];
}

/** Values of the columns, `details` and the checksum, in order. */
export function encode<R extends Recorded>(codec: Codec<R>, record: Omit<R, 'sequence'>): (string | number)[] {
  const columns = codec.columns as Readonly<Record<string, string>>;
  const details: Details = {};
  for (const [field, value] of Object.entries(record)) {
    if (field !== 'sequence' && !(field in columns)) details[field] = value;
  }
  // The first version said nothing of itself.
  if (codec.upgrades.length > 0) details['version'] = codec.upgrades.length + 1;
  const fields = record as Readonly<Record<string, unknown>>;
  const values = [...Object.keys(columns).map((field) => fields[field]), JSON.stringify(details)] as (
    | string
    | number
  )[];
  return [...values, checksumOf(values)];
}

/** The record of a row, brought to the version of now; `damaged` where the row is not what was written. */
export function decode<R extends Recorded>(codec: Codec<R>, row: Row): R | 'damaged' | 'newer' {
  const fields: Record<string, unknown> = { sequence: row.sequence };
  const values: unknown[] = [];
  for (const [field, column] of Object.entries(codec.columns) as [string, string][]) {
    fields[field] = row[column];
    values.push(row[column]);
  }
  values.push(row.details);
  if (checksumOf(values) !== row.checksum) return 'damaged';
  const { version = 1, ...details } = JSON.parse(row.details) as Details & { readonly version?: number };
  if (version > codec.upgrades.length + 1) return 'newer';
  return Object.assign(
    fields,
    codec.upgrades.slice(version - 1).reduce((old, upgrade) => upgrade(old), details as Details),
  ) as unknown as R;
}

/** Whether values, in the order of {@link encode}, end with their checksum. */
export function isAsWritten(values: unknown[]): boolean {
  const checksum = values.pop();
  return checksumOf(values) === checksum;
}

/** SQLite finds torn pages, not a flipped bit inside one: each record carries its own checksum. */
function checksumOf(values: readonly unknown[]): number {
  return crc32(JSON.stringify(values));
}
