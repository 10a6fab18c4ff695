import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Attachment, type AttachmentRow, decodeAttachment } from '../catalog/attachment-table.ts';
import { Catalog } from '../catalog/catalog.ts';
import { CatalogError } from '../catalog/catalog-error.ts';
import { type GroupRecord, groupCodec } from '../catalog/group-record.ts';
import type { OwnRecord } from '../catalog/own-record.ts';
import { type Codec, decode, type Recorded, type Row } from '../catalog/record-codec.ts';
import { snapshotCodec } from '../catalog/snapshot-record.ts';
import { trashedCodec } from '../catalog/trash-table.ts';
import { volumeCodec } from '../catalog/volume-record.ts';

/** What a catalog still tells. */
export interface Salvage {
  readonly state: 'whole' | 'damaged' | 'missing';
  /** What is wrong with it. */
  readonly reason: string;
  readonly records: readonly OwnRecord[];
  readonly groups: readonly GroupRecord[];
  readonly attachments: readonly Attachment[];
}

/**
 * Reads what can be read of a catalog, record by record; those that are not what was written are left out. Works on a
 * copy, so that nothing of the original changes.
 * @throws CatalogError Newer – a newer driver wrote it.
 */
export function salvageCatalog(path: string): Salvage {
  if (!existsSync(path))
    return { state: 'missing', reason: 'there is no catalog', records: [], groups: [], attachments: [] };
  const folder = mkdtempSync(join(tmpdir(), 'csi-driver-recover-'));
  try {
    const copy = join(folder, 'catalog.db');
    copyFileSync(path, copy);
    if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`);
    return { ...checked(path, copy), ...readable(copy) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As a driver would find it. The copy lies beside nothing, so that its being empty is no damage yet. */
function checked(path: string, copy: string): Pick<Salvage, 'state' | 'reason'> {
  try {
    using catalog = new Catalog({ path: copy, volumesFolder: '' });
    const isEmpty = catalog.lastSequence() === 0 && catalog.snapshots.lastSequence() === 0;
    return isEmpty ? { state: 'missing', reason: `the catalog ${path} is empty` } : { state: 'whole', reason: '' };
  } catch (error) {
    if (error instanceof CatalogError && error.code === 'Damaged') {
      return { state: 'damaged', reason: `the catalog ${path} is damaged (${error.detail})` };
    }
    throw error;
  }
}

function readable(copy: string): Pick<Salvage, 'records' | 'groups' | 'attachments'> {
  const rows = <R extends Recorded>(codec: Codec<R>) => recordsOf(copy, codec);
  const own = <R extends Recorded>(codec: Codec<R>, kind: OwnRecord['kind']) =>
    rows(codec).map((record) => ({ kind, record }) as unknown as OwnRecord);
  return {
    records: [...own(trashedCodec, 'trashed'), ...own(volumeCodec, 'volume'), ...own(snapshotCodec, 'snapshot')],
    groups: rows(groupCodec),
    attachments: rowsOf(copy, 'attachments ORDER BY volume_id, node_id').flatMap(
      (row) => decodeAttachment(row as AttachmentRow) ?? [],
    ),
  };
}

function recordsOf<R extends Recorded>(copy: string, codec: Codec<R>): R[] {
  return rowsOf(copy, `${codec.table} ORDER BY sequence`).flatMap((row) => {
    const record = decode(codec, row as Row);
    return typeof record === 'object' && record.state === 'ready' ? [record] : [];
  });
}

function rowsOf(copy: string, from: string): unknown[] {
  const found: unknown[] = [];
  try {
    using database = new DatabaseSync(copy);
    for (const row of database.prepare(`SELECT * FROM ${from}`).iterate()) found.push(row);
  } catch {
    // A page that cannot be read ends it: what came before it counts.
  }
  return found;
}
