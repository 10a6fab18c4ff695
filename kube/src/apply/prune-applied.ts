import type { ManagedSet, Managers, Versions } from './field-ownership.ts';
import { difference, emptySet, type FieldSet, intersection, isEmptySet, union } from './field-set.ts';
import { withNamedFields } from './named-fields.ts';
import { removeItems } from './remove-items.ts';
import { fieldSetOf } from './typed-field-set.ts';
import type { TypedValue } from './typed-value.ts';

export interface Pruning {
  /** With what the applier applies now. */
  readonly managers: Managers;
  /** What it applied the last time. */
  readonly last: ManagedSet | undefined;
  /** The version it applies in. */
  readonly apiVersion: string;
  readonly versions: Versions;
}

/**
 * Takes away what the applier applied the last time and does not now, unless somebody else owns it
 * (structured-merge-diff Updater.prune).
 */
export function pruneApplied(merged: TypedValue, { managers, last, apiVersion, versions }: Pruning): TypedValue {
  if (!last || isEmptySet(last.set)) return merged;
  const converted = versions.convert(merged, last.apiVersion);
  if (!converted) return merged;
  const removed = without(converted, named(last.set, converted));
  const owned = addBackOwned(converted, removed, { managers, version: last.apiVersion, versions });
  const pruned = addBackDangling(converted, owned, { last, versions });
  return versions.convert(pruned, apiVersion) ?? pruned;
}

const without = ({ value, type }: TypedValue, set: FieldSet): TypedValue => ({
  value: removeItems(value, set, type),
  type,
});

const named = (set: FieldSet, { type }: TypedValue): FieldSet => withNamedFields(set, type);

const mentioned = (object: TypedValue): FieldSet => named(fieldSetOf(object), object);

/** What was taken away and another manager, or the new configuration, owns is there again. */
function addBackOwned(
  merged: TypedValue,
  pruned: TypedValue,
  { managers, version, versions }: { managers: Managers; version: string; versions: Versions },
): TypedValue {
  const byVersion = new Map<string, FieldSet>();
  // The pruned version first: what another version needs to be converted must be there.
  for (const { apiVersion } of managers.values()) if (apiVersion === version) byVersion.set(version, emptySet);
  for (const { apiVersion, set } of managers.values())
    byVersion.set(apiVersion, union(byVersion.get(apiVersion) ?? emptySet, set));
  let [whole, part] = [merged, pruned];
  for (const [apiVersion, managed] of byVersion) {
    const converted = versions.convert(whole, apiVersion);
    const convertedPart = versions.convert(part, apiVersion);
    if (!converted || !convertedPart) continue;
    whole = converted;
    const kept = union(mentioned(convertedPart), named(managed, whole));
    part = without(whole, difference(mentioned(whole), kept));
  }
  return part;
}

/** Only what the applier itself owned may go; what nobody owned, or went along with it, is there again. */
function addBackDangling(
  merged: TypedValue,
  pruned: TypedValue,
  { last, versions }: { last: ManagedSet; versions: Versions },
): TypedValue {
  const converted = versions.convert(pruned, last.apiVersion);
  if (!converted) return merged;
  const gone = difference(mentioned(merged), mentioned(converted));
  return without(merged, intersection(gone, named(last.set, merged)));
}
