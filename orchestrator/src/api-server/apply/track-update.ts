import { rfc3339 } from '@berth/kit';
import { isEmptySet, type ManagedFieldsEntry, type ManagedSet, ownByUpdate, union, validateTyped } from '@berth/kube';
import type { AnyObject } from '../resource-definition.ts';
import { capManagers } from './cap-managers.ts';
import { Unconverted } from './convert-missed.ts';
import type { FieldScope } from './field-scope.ts';
import { type Managed, managerId, nobody, sentManaged, storedManaged, writeManaged } from './managed-fields.ts';
import { withoutServerFields } from './reset-fields.ts';

/** A write other than apply, decoded and filled with defaults; admission comes later. */
export interface TrackedUpdate {
  readonly scope: FieldScope;
  /** Undefined: it is created. Shared, and not changed. */
  readonly live: AnyObject | undefined;
  /** Its managedFields are not in it but in `sent`. */
  readonly next: AnyObject;
  /** The managedFields that came with the request. */
  readonly sent: readonly ManagedFieldsEntry[] | undefined;
  readonly manager: string;
  readonly now: number;
}

/**
 * The managedFields after a create, update or patch: what it wrote is its manager's from now on (managedfields
 * FieldManager.Update). Undefined: nobody's fields are followed. @throws Unconverted
 */
export function trackUpdate(update: TrackedUpdate): ManagedFieldsEntry[] | undefined {
  const { live } = update;
  const managed = managedBefore(update);
  // Where nobody owned anything, following begins with the first apply.
  if (managed.managers.size === 0 && live?.metadata.uid) return undefined;
  try {
    return writeManaged(followUpdate(update, managed));
  } catch (error) {
    if (error instanceof Unconverted) throw error;
    // What can't be compared is not followed any more (UpdateNoErrors).
    return undefined;
  }
}

/** Those that the request brings, where it brings readable ones and not through a subresource; else the object's own. */
function managedBefore({ scope, live, sent }: TrackedUpdate): Managed {
  const own = () => storedManaged(live?.metadata.managedFields);
  if (!sent || scope.subresource !== '') return own();
  if (isReset(sent)) return nobody;
  try {
    const managed = sentManaged(sent);
    return managed.managers.size === 0 ? own() : managed;
  } catch {
    return own();
  }
}

/** `[]` and `[{}]` take all ownership away. */
function isReset(sent: readonly ManagedFieldsEntry[]): boolean {
  const [only, ...more] = sent;
  if (only === undefined) return true;
  return (
    more.length === 0 && Object.values(only).every((value) => value === undefined || value === null || value === '')
  );
}

/** The write itself, until it gets its manager's name: what that one owned before is compared like any other's. */
const current = 'current-operation';

/** @throws TypedError */
export function followUpdate(update: TrackedUpdate, managed: Managed): Managed {
  const { scope, next, manager, now } = update;
  const { type, apiVersion, versions, filter, subresource } = scope;
  const live = update.live ?? scope.empty();
  // What is built in was decoded by its type.
  if (scope.reconcile) for (const value of [next, live]) validateTyped({ value, type }, { duplicates: true });
  const reconcile = scope.reconcile || update.sent !== undefined;
  const writing = { apiVersion, manager: current, managers: managed.managers, versions, filter, reconcile };
  const managers = new Map(ownByUpdate({ value: live, type }, { value: next, type }, writing));
  const times = new Map(managed.times);
  const written = managers.get(current);
  managers.delete(current);
  const set = written && withoutServerFields(written.set);
  if (set && !isEmptySet(set)) {
    const id = managerId({ manager: manager || 'unknown', operation: 'Update', apiVersion, subresource });
    const before: ManagedSet | undefined = managers.get(id);
    managers.set(id, { apiVersion, applied: false, set: before ? union(before.set, set) : set });
    times.set(id, rfc3339(now));
  }
  return capManagers({ managers, times, entries: managed.entries });
}
