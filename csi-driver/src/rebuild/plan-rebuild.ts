import type { PoolOptions } from '../backend/pool-options.ts';
import type { Attachment } from '../catalog/attachment-table.ts';
import type { GroupRecord } from '../catalog/group-record.ts';
import type { OwnRecord } from '../catalog/own-record.ts';
import type { SnapshotRecord } from '../catalog/snapshot-record.ts';
import type { Salvage } from './salvage-catalog.ts';
import type { Found } from './scan-pools.ts';

/** One line of the report. */
export interface Line {
  readonly kind: string;
  readonly id: string;
  readonly name: string;
  readonly backend: string;
  readonly pool: string;
  readonly sizeBytes: number;
  /** Where the record comes from; `unplaced`: there is none, and the data stays as it is. `lost`: there is no data. */
  readonly from: 'data' | 'catalog' | 'unplaced' | 'lost';
  readonly reason: string;
}

export interface Rebuild {
  readonly records: readonly OwnRecord[];
  readonly groups: readonly Pick<GroupRecord, 'id' | 'name' | 'createdAtMs' | 'members'>[];
  /** Only a catalog knows them. Of one that is lost their CO says them again: ListVolumes shows that they are gone. */
  readonly attachments: readonly Attachment[];
  readonly lines: readonly Line[];
}

/** Backends whose data is in a pool; that of others is for its server to tell. */
const inPools = ['directory', 'image', 'btrfs'];

/** Decides what the new catalog holds. What can still be read of the old one is newer than what lies beside the data. */
export function planRebuild(found: readonly Found[], salvage: Salvage, pools: readonly PoolOptions[]): Rebuild {
  const plan = new Plan(salvage, pools);
  for (const one of found) plan.place(one);
  plan.placeRest();
  const { records, lines } = plan;
  const volumes = new Set(records.flatMap(({ kind, record }) => (kind === 'volume' ? [record.id] : [])));
  const attachments = salvage.attachments.filter(({ volumeId }) => volumes.has(volumeId));
  return { records, groups: groupsOf(records, salvage), attachments, lines };
}

class Plan {
  readonly records: OwnRecord[] = [];
  readonly lines: Line[] = [];
  readonly #salvaged: Map<string, OwnRecord>;
  readonly #pools: readonly PoolOptions[];
  readonly #names = new Map<string, string>();
  readonly #ids = new Set<string>();

  constructor({ records }: Salvage, pools: readonly PoolOptions[]) {
    this.#pools = pools;
    this.#salvaged = new Map(records.map((own) => [keyOf(own), own]));
  }

  place(one: Found): void {
    const { kind, id } = one;
    const keys = kind === 'snapshot' ? [`snapshot/${id}`] : [`volume/${id}`, `trashed/${id}`];
    const salvaged = keys.map((key) => this.#salvaged.get(key)).find((own) => own && this.#isAt(own, one));
    for (const key of salvaged ? keys : []) this.#salvaged.delete(key);
    const own = salvaged ?? (typeof one.own === 'string' ? undefined : withPool(one.own, one.pool));
    const pool = one.pool?.name ?? one.share ?? '';
    const reason = own ? this.#objection(own) : String(one.own);
    if (!own || reason !== undefined) {
      const unplaced = { name: '', sizeBytes: 0, from: 'unplaced' as const, reason: reason ?? '' };
      this.lines.push({ kind, id, backend: one.backend, pool, ...unplaced });
      return;
    }
    this.#take(own, salvaged ? 'catalog' : 'data');
  }

  /** Records without data here: on servers they are as good as before. */
  placeRest(): void {
    for (const own of this.#salvaged.values()) {
      const known = this.#pools.some(({ name }) => name === own.record.pool) || own.record.pool === undefined;
      if (known && inPools.includes(own.record.backend)) {
        this.lines.push({
          ...lineOf(own),
          from: 'lost',
          reason: 'the old catalog has it, but its data is not in the pool',
        });
      } else if (this.#objection(own) === undefined) this.#take(own, 'catalog');
    }
  }

  #take(own: OwnRecord, from: 'data' | 'catalog'): void {
    this.records.push(own);
    this.#ids.add(own.record.id);
    if (own.kind !== 'trashed') this.#names.set(`${own.kind}/${own.record.name}`, own.record.id);
    this.lines.push({ ...lineOf(own), from, reason: '' });
  }

  #isAt({ record }: OwnRecord, { backend, pool }: Found): boolean {
    if (record.backend !== backend) return false;
    return pool ? (record.pool ?? this.#pools[0]?.name) === pool.name : record.pool === undefined;
  }

  #objection(own: OwnRecord): string | undefined {
    const { id, name } = own.record;
    if (this.#ids.has(id)) return `another one has the id "${id}"`;
    const other = this.#names.get(`${own.kind}/${name}`);
    return other === undefined ? undefined : `${own.kind} "${other}" has its name, "${name}"`;
  }
}

/** A pool may have got its name, or another, after the volume was made: where the data is counts. */
function withPool(own: OwnRecord, at: PoolOptions | undefined): OwnRecord {
  const { pool: _pool, ...record } = own.record;
  return { kind: own.kind, record: at?.named ? { ...record, pool: at.name } : record } as OwnRecord;
}

function keyOf({ kind, record }: OwnRecord): string {
  return `${kind}/${record.id}`;
}

function lineOf({ kind, record }: OwnRecord) {
  const { id, name, backend, pool = '' } = record;
  const sizeBytes = 'sizeBytes' in record ? record.sizeBytes : record.capacityBytes;
  return { kind, id, name: name.replace(/^\u0001/, ''), backend, pool, sizeBytes };
}

/** A group is its members, all of them: each tells its name. */
function groupsOf(records: readonly OwnRecord[], salvage: Salvage): Rebuild['groups'] {
  const groups = new Map<string, Rebuild['groups'][number]>(salvage.groups.map((group) => [group.id, group]));
  const members = new Map<string, Omit<SnapshotRecord, 'sequence' | 'state'>[]>();
  for (const own of records) {
    if (own.kind !== 'snapshot' || own.record.groupId === undefined) continue;
    members.set(own.record.groupId, [...(members.get(own.record.groupId) ?? []), own.record]);
  }
  return [...members].map(([id, snapshots]) => {
    // Their names end with their place in the group.
    const inOrder = snapshots.toSorted((a, b) => placeOf(a.name) - placeOf(b.name));
    const { groupName = id, createdAtMs = 0 } = snapshots[0] ?? {};
    const ids = inOrder.map((snapshot) => ({ snapshotId: snapshot.id, volumeId: snapshot.sourceVolumeId }));
    return groups.get(id) ?? { id, name: groupName, createdAtMs, members: ids };
  });
}

function placeOf(name: string): number {
  return Number(/(\d+)$/.exec(name)?.[1] ?? 0);
}
