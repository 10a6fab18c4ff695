import type { OwnerReference } from '@berth/kube';
import type { AnyObject } from './resource-definition.ts';

/**
 * An owner that is told twice counts once, and whoever tells it is warned (apiserver dedupOwnerReferences): before
 * mutating admission, which a patch does not see, and after it.
 */
export function withoutRepeatedOwners(
  { metadata }: AnyObject,
  warn: (text: string) => void,
  when: 'before' | 'after',
): void {
  const { ownerReferences: all = [] } = metadata;
  if (all.length < 2) return;
  const owners = new Map<string, OwnerReference>();
  const repeated: string[] = [];
  for (const owner of all) {
    const said = sayingOf(owner);
    if (owners.has(said)) repeated.push(owner.uid);
    else owners.set(said, owner);
  }
  if (repeated.length === 0) return;
  metadata.ownerReferences = [...owners.values()];
  const happens = when === 'after' ? ' after mutating admission happens' : '';
  warn(
    `.metadata.ownerReferences contains duplicate entries${happens}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${repeated.join(', ')}`,
  );
}

function sayingOf({ apiVersion, kind, name, uid, controller, blockOwnerDeletion }: OwnerReference): string {
  return JSON.stringify([apiVersion, kind, name, uid, controller ?? null, blockOwnerDeletion ?? null]);
}
