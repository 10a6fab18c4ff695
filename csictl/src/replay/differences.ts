import type { Substitution } from './substitution.ts';

type Json = Readonly<Record<string, unknown>>;

/** One thing that is not as it was. */
export interface Difference {
  /** `volume.capacityBytes`, or `code`. */
  readonly what: string;
  readonly recorded: unknown;
  readonly now: unknown;
}

/** What differs from one moment to the next at one and the same driver. */
const volatile = new Set([
  'creationTime',
  'availableCapacity',
  'maximumVolumeSize',
  'available',
  'used',
  'total',
  'nextToken',
  'publishContext',
  'volumeContext',
]);

/**
 * How an answer differs from the recorded one, names already put in place of names.
 * Of lists only entries are compared that the recording made itself: others are of no concern to it.
 */
export function differencesOf(recorded: Json, now: Json, names: Substitution): Difference[] {
  const old = names.response(recorded);
  const isList = Array.isArray(recorded['entries']);
  if (!isList) return compare(old, now, '');
  const own = new Set((recorded['entries'] as Json[]).map(idOf).filter((id) => names.knows(id)));
  const ids = new Set((names.response({ volumeId: [...own] })['volumeId'] as unknown as string[]) ?? []);
  const chosen = (message: Json) =>
    ((message['entries'] ?? []) as Json[])
      .filter((entry) => ids.has(idOf(entry)))
      .sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
  return compare({ ...old, entries: chosen(old) }, { ...now, entries: chosen(now) }, '');
}

function idOf(entry: Json): string {
  const inner = (entry['volume'] ?? entry['snapshot'] ?? entry) as Json;
  return String(inner['volumeId'] || inner['snapshotId'] || '');
}

function compare(old: unknown, now: unknown, where: string): Difference[] {
  if (isMap(old) && isMap(now)) {
    const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter((name) => !volatile.has(name));
    return names.flatMap((name) => compare(old[name], now[name], where === '' ? name : `${where}.${name}`));
  }
  if (Array.isArray(old) && Array.isArray(now) && old.length === now.length) {
    const [sorted, others] = [inOrder(old), inOrder(now)];
    return sorted.flatMap((item, index) => compare(item, others[index], `${where}[${index}]`));
  }
  return isSame(old, now) ? [] : [{ what: where, recorded: old, now }];
}

/** What has an id comes in whatever order the driver likes. */
function inOrder(list: readonly unknown[]): readonly unknown[] {
  const haveIds = list.every((item) => isMap(item) && idOf(item) !== '');
  return haveIds ? [...(list as Json[])].sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1)) : list;
}

/** A field that is absent has its default. */
function isSame(old: unknown, now: unknown): boolean {
  const plain = (value: unknown) => {
    const isDefault = value === undefined || value === null || value === '0' || value === 0 || value === false;
    const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
    return isDefault || isEmpty ? '' : JSON.stringify(value);
  };
  return plain(old) === plain(now);
}

function isMap(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
