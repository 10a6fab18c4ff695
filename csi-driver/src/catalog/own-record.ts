import { crc32 } from 'node:zlib';
import type { SnapshotRecord } from './snapshot-record.ts';
import type { TrashedRecord } from './trash-table.ts';
import type { VolumeRecord } from './volume-record.ts';

/** What a volume or snapshot says of itself, beside its data: enough to make its record in the catalog anew. */
export type OwnRecord =
  | { readonly kind: 'volume'; readonly record: Unnumbered<VolumeRecord> }
  | { readonly kind: 'trashed'; readonly record: Unnumbered<TrashedRecord> }
  | { readonly kind: 'snapshot'; readonly record: Unnumbered<SnapshotRecord> };

type Unnumbered<R> = Omit<R, 'sequence' | 'state'>;

/** Raised when what is written here changes its meaning. */
const version = 1;

/** As bytes, with a checksum. */
export function sealRecord({ kind, record }: OwnRecord): Buffer {
  const { sequence: _sequence, state: _state, ...fields } = record as Unnumbered<VolumeRecord> & Partial<VolumeRecord>;
  const text = JSON.stringify({ version, kind, ...fields });
  return Buffer.from(`${crc32(text).toString(16).padStart(8, '0')}${text}`);
}

/** Whoever may write to a volume as root of the machine may have changed it: nothing in it is believed unchecked. */
export function openRecord(bytes: Buffer): OwnRecord | 'damaged' | 'newer' {
  const text = bytes.toString('utf8', 8);
  if (bytes.toString('latin1', 0, 8) !== crc32(text).toString(16).padStart(8, '0')) return 'damaged';
  const { version: written, kind, ...record } = fieldsOf(text);
  if (typeof written !== 'number') return 'damaged';
  if (written > version) return 'newer';
  return isComplete(kind, record) ? ({ kind, record } as unknown as OwnRecord) : 'damaged';
}

function fieldsOf(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Fields) : {};
  } catch {
    return {};
  }
}

type Fields = Readonly<Record<string, unknown>>;

const isText = (value: unknown) => typeof value === 'string';
const isSize = (value: unknown) => Number.isSafeInteger(value) && (value as number) > 0;
const isMap = (value: unknown) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).every(isText);
const isTextOrAbsent = (value: unknown) => value === undefined || isText(value);

function isComplete(kind: unknown, record: Fields): boolean {
  const { id, name, backend, pool, fsType } = record;
  if (![id, name, backend].every(isText) || name === '' || ![pool, fsType].every(isTextOrAbsent)) return false;
  if (kind === 'snapshot') return isSnapshot(record);
  if (kind !== 'volume' && kind !== 'trashed') return false;
  const { capacityBytes, parameters, context, trashTtlMs, source } = record;
  if (!isSize(capacityBytes) || !isMap(parameters) || !isMap(context) || !isSource(source)) return false;
  if (trashTtlMs !== undefined && !isSize(trashTtlMs)) return false;
  return kind === 'volume' || [record['trashedAtMs'], record['expiresAtMs']].every(Number.isSafeInteger);
}

function isSnapshot({
  sourceVolumeId,
  sizeBytes,
  createdAtMs,
  copiedBy,
  groupId,
  groupName,
  context,
}: Fields): boolean {
  const texts = isText(sourceVolumeId) && [copiedBy, groupId, groupName].every(isTextOrAbsent);
  return texts && (context === undefined || isMap(context)) && isSize(sizeBytes) && Number.isSafeInteger(createdAtMs);
}

function isSource(source: unknown): boolean {
  if (source === undefined) return true;
  const { kind, id } = (source ?? {}) as Fields;
  return (kind === 'volume' || kind === 'snapshot') && isText(id);
}
