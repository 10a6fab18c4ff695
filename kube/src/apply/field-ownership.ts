import { type Comparison, compareTyped } from './compare-typed.ts';
import { equalValues } from './compare-values.ts';
import { difference, emptySet, type FieldSet, intersection, isEmptySet, pathsOf, union } from './field-set.ts';
import type { MergeType } from './merge-type.ts';
import { mergeTyped } from './merge-typed.ts';
import type { PathElement } from './path-element.ts';
import { pruneApplied } from './prune-applied.ts';
import { reconcileFieldSet } from './reconcile-field-set.ts';
import { fieldSetOf } from './typed-field-set.ts';
import type { TypedValue } from './typed-value.ts';

/** What one manager owns, in the version it wrote. */
export interface ManagedSet {
  readonly apiVersion: string;
  /** By server-side apply; else by other writes. */
  readonly applied: boolean;
  readonly set: FieldSet;
}

/** Sets by the manager's identity. */
export type Managers = ReadonlyMap<string, ManagedSet>;

/** The versions of a kind. */
export interface Versions {
  /** Undefined: not served. */
  typeOf(apiVersion: string): MergeType | undefined;
  /** The object in another version; itself in its own; undefined: not served. */
  convert(object: TypedValue, apiVersion: string): TypedValue | undefined;
}

/** Who writes, and what of it counts. */
export interface Writing {
  readonly apiVersion: string;
  readonly manager: string;
  readonly managers: Managers;
  readonly versions: Versions;
  /** Leaves out the fields that this endpoint never writes. */
  readonly filter: (set: FieldSet, apiVersion: string) => FieldSet;
  /** The schema may have changed since the sets were written. */
  readonly reconcile: boolean;
}

export interface Conflict {
  readonly manager: string;
  readonly path: readonly PathElement[];
}

/** An apply would change what others own. */
export class ApplyConflicts extends Error {
  override readonly name = 'ApplyConflicts';
  readonly conflicts: readonly Conflict[];

  constructor(conflicts: readonly Conflict[]) {
    super(`${conflicts.length} fields are owned by others`);
    this.conflicts = conflicts;
  }
}

/** After any write but apply: what it wrote is its manager's, and no other's (structured-merge-diff Updater.Update). @throws TypedError */
export function ownByUpdate(live: TypedValue, next: TypedValue, writing: Writing): Managers {
  const managers = reconciled(writing);
  const settled = settle({ before: live, after: next, writing, managers, force: true });
  const { written, removed } = settled.comparison;
  const { manager, apiVersion, filter } = writing;
  const mine = settled.managers.get(manager)?.set ?? emptySet;
  const set = filter(union(difference(mine, removed), written), apiVersion);
  if (isEmptySet(set)) settled.managers.delete(manager);
  else settled.managers.set(manager, { apiVersion, applied: false, set });
  return settled.managers;
}

export interface Applied {
  /** Undefined: the object stays as it is. */
  readonly value: unknown;
  readonly managers: Managers;
}

/**
 * Lays a configuration over the live object, and takes away what its manager applied before and now does not
 * (structured-merge-diff Updater.Apply). @throws ApplyConflicts, TypedError
 */
export function applyConfiguration(
  live: TypedValue,
  config: TypedValue,
  { force, ...writing }: Writing & { readonly force: boolean },
): Applied {
  const managers = new Map(reconciled(writing));
  const { type } = live;
  const { manager, apiVersion, filter, versions } = writing;
  const merged = { type, value: mergeTyped(live.value, config.value, type) ?? null };
  const last = managers.get(manager);
  managers.set(manager, { apiVersion, applied: true, set: filter(fieldSetOf(config), apiVersion) });
  const next = pruneApplied(merged, { managers, last, apiVersion, versions });
  const settled = settle({ before: live, after: next, writing, managers, force });
  const same = equalValues(live.value, next.value);
  return { value: same ? undefined : next.value, managers: settled.managers };
}

/** Sets of versions that are served no more are forgotten with them. */
function reconciled({ managers, reconcile, apiVersion, versions }: Writing): Managers {
  const result = new Map<string, ManagedSet>();
  for (const [name, managed] of managers) {
    if (!reconcile && managed.apiVersion === apiVersion) result.set(name, managed);
    else {
      const type = versions.typeOf(managed.apiVersion);
      if (type) result.set(name, { ...managed, set: reconcileFieldSet(managed.set, type) });
    }
  }
  return result;
}

interface Settling {
  readonly before: TypedValue;
  readonly after: TypedValue;
  readonly writing: Writing;
  readonly managers: Managers;
  readonly force: boolean;
}

/** Takes what was written and what is gone from all others. @throws ApplyConflicts – some have it, and it is not forced */
function settle({ before, after, writing, managers, force }: Settling) {
  const { manager, apiVersion } = writing;
  const comparisons = new Map<string, Comparison | undefined>();
  const comparison = compareIn({ before, after, writing }, apiVersion) as Comparison;
  comparisons.set(apiVersion, comparison);
  const conflicts: Conflict[] = [];
  const result = new Map<string, ManagedSet>();
  // Conflicts are told in the order of managers; where there can be none, no order is needed.
  const inTurn = force ? managers : [...managers].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, managed] of inTurn) {
    const version = managed.apiVersion;
    if (name !== manager && !comparisons.has(version))
      comparisons.set(version, compareIn({ before, after, writing }, version));
    const change = name === manager ? nothing : comparisons.get(version);
    if (!change) continue;
    if (!force)
      for (const path of pathsOf(intersection(managed.set, change.written))) conflicts.push({ manager: name, path });
    const set = difference(difference(managed.set, change.written), change.removed);
    if (!isEmptySet(set)) result.set(name, set === managed.set ? managed : { ...managed, set });
  }
  if (conflicts.length > 0) throw new ApplyConflicts(conflicts);
  return { managers: result, comparison };
}

const nothing: Comparison = { written: emptySet, removed: emptySet };

function compareIn(
  { before, after, writing }: Pick<Settling, 'before' | 'after' | 'writing'>,
  version: string,
): Comparison | undefined {
  const { apiVersion, versions, filter } = writing;
  const [left, right] =
    version === apiVersion ? [before, after] : [versions.convert(before, version), versions.convert(after, version)];
  if (!left || !right) return undefined;
  const { written, removed } = compareTyped(left.value, right.value, left.type);
  return { written: filter(written, version), removed: filter(removed, version) };
}
