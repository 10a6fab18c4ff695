import { AttachmentTable } from './attachment-table.ts';
import { GroupCommit } from './group-commit.ts';
import { GroupTable } from './group-table.ts';
import { type CatalogOptions, openDatabase } from './open-database.ts';
import type { OwnRecord } from './own-record.ts';
import type { Connection } from './record-table.ts';
import { SnapshotTable } from './snapshot-table.ts';
import { TrashTable } from './trash-table.ts';
import { type VolumeSum, volumeSums } from './volume-sums.ts';
import { VolumeTable } from './volume-table.ts';

/** Which volumes exist, and in the same file which snapshots, groups of them, and attachments. */
export class Catalog extends VolumeTable implements Disposable {
  readonly snapshots: SnapshotTable;
  /** Which snapshots belong together. */
  readonly groups: GroupTable;
  /** Volumes that were deleted and can be had back. */
  readonly trashed: TrashTable;
  /** Where volumes are published to by the controller. */
  readonly attachments: AttachmentTable;

  /** Opens the catalog and reads every record once: a damaged one is found now, not in the middle of a call. */
  constructor(options: CatalogOptions) {
    const connection = connect(options);
    try {
      super(connection);
      this.snapshots = new SnapshotTable(connection);
      this.groups = new GroupTable(connection);
      this.trashed = new TrashTable(connection);
      this.attachments = new AttachmentTable(connection.database, connection.commits, connection.path);
      this.verify();
      this.snapshots.verify();
      this.groups.verify();
      this.trashed.verify();
      this.attachments.list();
    } catch (error) {
      connection.database.close();
      throw error;
    }
  }

  /** What all volumes have, also those in the trash, by all that their pool asks. */
  sums(): VolumeSum[] {
    return volumeSums(this.connection.database);
  }

  /** Hears of every volume and snapshot that changed and is there: what its own record should say. */
  watch(changed: (own: OwnRecord) => void): void {
    this.connection.watch = changed;
  }

  /** Whether something that is to be done once in the life of a catalog was done. */
  isDone(name: string): boolean {
    return this.connection.database.prepare('SELECT 1 FROM upkeep WHERE name = ?').get(name) !== undefined;
  }

  async markDone(name: string): Promise<void> {
    const insert = this.connection.database.prepare('INSERT OR IGNORE INTO upkeep (name) VALUES (?)');
    await this.write(() => insert.run(name));
  }

  /** The id of the pool that has this name; undefined where none had it yet. */
  poolId(name: string): string | undefined {
    const row = this.connection.database.prepare('SELECT id FROM pools WHERE name = ?').get(name);
    return row?.['id'] as string | undefined;
  }

  /** The name that a pool has or had. */
  poolWithId(id: string): string | undefined {
    const row = this.connection.database.prepare('SELECT name FROM pools WHERE id = ? ORDER BY name').get(id);
    return row?.['name'] as string | undefined;
  }

  async notePool(name: string, id: string): Promise<void> {
    const upsert = this.connection.database.prepare(
      'INSERT INTO pools (name, id) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET id = excluded.id',
    );
    await this.write(() => upsert.run(name, id));
  }
}

function connect(options: CatalogOptions): Connection {
  const database = openDatabase(options);
  return { path: options.path, database, commits: new GroupCommit(database) };
}
