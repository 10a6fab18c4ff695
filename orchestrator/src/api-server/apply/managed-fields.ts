import {
  canonicalJson,
  compareText,
  type FieldSet,
  inOrder,
  LruMap,
  type ManagedFieldsEntry,
  type ManagedSet,
  readFieldSet,
} from '@berth/kube';

/** Who owns what, and since when, as `metadata.managedFields` tells it. */
export interface Managed {
  readonly managers: ReadonlyMap<string, ManagedSet>;
  readonly times: ReadonlyMap<string, string | undefined>;
  /** As the store has them: those that did not change are written as they are. */
  readonly entries?: ReadonlyMap<string, ManagedFieldsEntry> | undefined;
}

export const nobody: Managed = { managers: new Map(), times: new Map() };

export interface ManagerIdentity {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
}

/** Who a write is counted as: an applier is the same in all versions. The text sorts as upstream's does. */
export function managerId({ manager, operation, apiVersion, subresource }: ManagerIdentity): string {
  const fields = [
    ...(manager === '' ? [] : [['manager', manager]]),
    ['operation', operation],
    ...(operation === 'Apply' || apiVersion === '' ? [] : [['apiVersion', apiVersion]]),
    ...(subresource === '' ? [] : [['subresource', subresource]]),
  ];
  return `{${fields.map((field) => field.map(canonicalJson).join(':')).join(',')}}`;
}

/** The same few clients write most objects. */
const identities = new LruMap<string, ManagerIdentity>(1000);

export function identityOf(id: string): ManagerIdentity {
  const known = identities.get(id);
  if (known) return known;
  const parsed = JSON.parse(id) as Pick<ManagerIdentity, 'operation'>;
  const identity = { manager: '', apiVersion: '', subresource: '', ...parsed };
  identities.set(id, identity);
  return identity;
}

/** Entries as the store has them: canonical, so that they are taken as they are. */
export function storedManaged(entries: readonly ManagedFieldsEntry[] | undefined): Managed {
  const stored = new Map<string, ManagedFieldsEntry>();
  const managed = managedOf(entries ?? [], (entry, id) => {
    stored.set(id, entry);
    return (entry.fieldsV1 ?? {}) as FieldSet;
  });
  return { ...managed, entries: stored };
}

/** Entries as a client wrote them. @throws Error – they can't be read; the message says why */
export function sentManaged(entries: readonly ManagedFieldsEntry[]): Managed {
  let i = -1;
  return managedOf(entries, (entry) => {
    i++;
    if (entry.operation !== 'Apply' && entry.operation !== 'Update')
      throw new Error('operation must be `Apply` or `Update`');
    if (!entry.apiVersion) throw new Error('apiVersion must not be empty');
    if (!entry.fieldsType) throw new Error(`missing fieldsType in managed fields entry ${i}`);
    if (entry.fieldsType !== 'FieldsV1')
      throw new Error(`invalid fieldsType ${JSON.stringify(entry.fieldsType)} in managed fields entry ${i}`);
    return readFieldSet(entry.fieldsV1 ?? {});
  });
}

function managedOf(
  entries: readonly ManagedFieldsEntry[],
  read: (entry: ManagedFieldsEntry, id: string) => FieldSet,
): Managed {
  const managers = new Map<string, ManagedSet>();
  const times = new Map<string, string | undefined>();
  for (const entry of entries) {
    const { manager = '', apiVersion = '', subresource = '', time } = entry;
    const operation = entry.operation === 'Apply' ? 'Apply' : 'Update';
    const id = managerId({ manager, operation, apiVersion, subresource });
    managers.set(id, { apiVersion, applied: operation === 'Apply', set: read(entry, id) });
    times.set(id, time);
  }
  return { managers, times };
}

/** The entries to store, in upstream's order; undefined: nobody owns anything. */
export function writeManaged({ managers, times, entries }: Managed): ManagedFieldsEntry[] | undefined {
  if (managers.size === 0) return undefined;
  const entry = (id: string, managed: ManagedSet) => {
    const [stored, time] = [entries?.get(id), times.get(id)];
    const isSame = stored && stored.fieldsV1 === managed.set && stored.time === time;
    return isSame && stored.apiVersion === managed.apiVersion
      ? stored
      : entryOf(stored ?? identityOf(id), managed, time);
  };
  return [...managers].map(([id, managed]) => entry(id, managed)).sort(compareEntries);
}

function entryOf(
  {
    manager = '',
    operation = 'Update',
    subresource = '',
  }: Pick<ManagedFieldsEntry, 'manager' | 'operation' | 'subresource'>,
  { apiVersion, set }: ManagedSet,
  time: string | undefined,
): ManagedFieldsEntry {
  return {
    ...(manager === '' ? {} : { manager }),
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: inOrder(set),
    ...(subresource === '' ? {} : { subresource }),
  };
}

function compareEntries(a: ManagedFieldsEntry, b: ManagedFieldsEntry): number {
  return (
    compareText(a.operation ?? '', b.operation ?? '') ||
    secondsOf(a.time) - secondsOf(b.time) ||
    compareText(a.manager ?? '', b.manager ?? '') ||
    compareText(a.apiVersion ?? '', b.apiVersion ?? '') ||
    compareText(a.subresource ?? '', b.subresource ?? '')
  );
}

export function secondsOf(time: string | undefined): number {
  return time === undefined ? 0 : Math.floor(Date.parse(time) / 1000);
}
