import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { asCatalogError, damaged } from './catalog-error.ts';
import type { GroupCommit } from './group-commit.ts';

/** A volume that is published to a node by the controller, and how. */
export interface Attachment {
  readonly volumeId: string;
  readonly nodeId: string;
  /** Access mode, by its name in the spec. */
  readonly mode: string;
  readonly access: 'mount' | 'block';
  readonly readOnly: boolean;
}

/** As it is written; of a catalog that may be damaged. */
export interface AttachmentRow {
  readonly volume_id: string;
  readonly node_id: string;
  readonly details: string;
  readonly checksum: number;
}

/**
 * Which volumes are published to which nodes: durable before any promise resolves.
 * @throws CatalogError – from every method, where the disk is full or the database damaged.
 */
export class AttachmentTable {
  readonly #path: string;
  readonly #commits: GroupCommit;
  readonly #ofVolume: StatementSync;
  readonly #countOfNode: StatementSync;
  readonly #all: StatementSync;
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;

  constructor(database: DatabaseSync, commits: GroupCommit, path: string) {
    this.#path = path;
    this.#commits = commits;
    const prepare = (sql: string) => database.prepare(sql);
    this.#ofVolume = prepare('SELECT * FROM attachments WHERE volume_id = ? ORDER BY node_id');
    this.#countOfNode = prepare('SELECT count(*) AS n FROM attachments WHERE node_id = ?');
    this.#all = prepare('SELECT * FROM attachments ORDER BY volume_id, node_id');
    this.#insert = prepare(
      'INSERT INTO attachments (volume_id, node_id, details, checksum) ' +
        'SELECT ?1, ?2, ?3, ?4 WHERE (SELECT count(*) FROM attachments WHERE node_id = ?2) < ?5',
    );
    this.#delete = prepare('DELETE FROM attachments WHERE volume_id = ? AND node_id = ?');
  }

  ofVolume(volumeId: string): Attachment[] {
    return this.#read(() => this.#ofVolume.all(volumeId));
  }

  list(): Attachment[] {
    return this.#read(() => this.#all.all());
  }

  countOfNode(nodeId: string): number {
    try {
      return Number(this.#countOfNode.get(nodeId)?.['n'] ?? 0);
    } catch (error) {
      throw asCatalogError(error, this.#path);
    }
  }

  /** @returns false where the node has `limit` volumes already; nothing was added then. */
  async add(attachment: Attachment, limit = Number.MAX_SAFE_INTEGER): Promise<boolean> {
    const { volumeId, nodeId, ...details } = attachment;
    const text = JSON.stringify(details);
    const checksum = checksumOf(volumeId, nodeId, text);
    const { changes } = await this.#write(() => this.#insert.run(volumeId, nodeId, text, checksum, limit));
    return Number(changes) > 0;
  }

  async remove(volumeId: string, nodeId: string): Promise<void> {
    await this.#write(() => this.#delete.run(volumeId, nodeId));
  }

  #read(query: () => unknown[]): Attachment[] {
    try {
      return (query() as AttachmentRow[]).map((row) => this.#decode(row));
    } catch (error) {
      throw asCatalogError(error, this.#path);
    }
  }

  #decode(row: AttachmentRow): Attachment {
    const attachment = decodeAttachment(row);
    if (attachment) return attachment;
    throw damaged(this.#path, `the record of where volume "${row.volume_id}" is published does not match its checksum`);
  }

  async #write<T>(work: () => T): Promise<T> {
    try {
      return await this.#commits.run(work);
    } catch (error) {
      throw asCatalogError(error, this.#path);
    }
  }
}

/** @returns undefined for one that is not what was written. */
export function decodeAttachment(row: AttachmentRow): Attachment | undefined {
  const { volume_id: volumeId, node_id: nodeId, details, checksum } = row;
  if (checksumOf(volumeId, nodeId, details) !== checksum) return undefined;
  return { volumeId, nodeId, ...(JSON.parse(details) as Omit<Attachment, 'volumeId' | 'nodeId'>) };
}

function checksumOf(volumeId: string, nodeId: string, details: string): number {
  return crc32(JSON.stringify([volumeId, nodeId, details]));
}
