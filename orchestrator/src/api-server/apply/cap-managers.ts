import { compareText, type ManagedSet, union } from '@berth/kube';
import { type Managed, managerId, secondsOf } from './managed-fields.ts';

/** Upstream's: of more, the oldest are joined. */
const maxUpdateManagers = 10;
const joinedName = 'ancient-changes';

/** Joins the oldest update managers of a version until no more than ten are left (managedfields capManagersManager). */
export function capManagers(managed: Managed): Managed {
  if (managed.managers.size <= maxUpdateManagers) return managed;
  const updaters = [...managed.managers].filter(([, { applied }]) => !applied).map(([id]) => id);
  if (updaters.length <= maxUpdateManagers) return managed;
  const managers = new Map(managed.managers);
  const times = new Map(managed.times);
  const age = (id: string) => secondsOf(times.get(id));
  const oldest = updaters.map((id) => ({ id, age: age(id) })).sort((a, b) => a.age - b.age || compareText(a.id, b.id));
  const firsts = new Map<string, string>();
  let left = updaters.length;
  for (const { id } of oldest) {
    if (left <= maxUpdateManagers) break;
    const own = managers.get(id) as ManagedSet;
    const { apiVersion } = own;
    const first = firsts.get(apiVersion);
    if (first === undefined) {
      firsts.set(apiVersion, id);
      continue;
    }
    const joined = managerId({ manager: joinedName, operation: 'Update', apiVersion, subresource: '' });
    if (!managers.has(joined)) {
      managers.set(joined, managers.get(first) as ManagedSet);
      managers.delete(first);
    }
    const before = managers.get(joined) as ManagedSet;
    managers.set(joined, { ...own, set: union(before.set, own.set) });
    managers.delete(id);
    times.set(joined, times.get(id));
    left--;
  }
  return { managers, times, entries: managed.entries };
}
