import { type GroupRecord, groupCodec } from './group-record.ts';
import { type Connection, RecordTable } from './record-table.ts';

/** Which group snapshots exist. */
export class GroupTable extends RecordTable<GroupRecord> {
  constructor(connection: Connection) {
    super(connection, groupCodec);
  }

  list(): GroupRecord[] {
    return this.listAfter(0);
  }
}
