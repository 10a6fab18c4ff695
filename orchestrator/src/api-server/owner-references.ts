import type { AnyObject } from './resource-definition.ts';
import { semanticEqual } from './resources/equality.ts';

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
  const isRepeated = (at: number) =>
    all.slice(0, at).some((one) => one.uid === all[at]?.uid && semanticEqual(one, all[at]));
  const repeated = all.filter((_, at) => isRepeated(at)).map(({ uid }) => uid);
  if (repeated.length === 0) return;
  metadata.ownerReferences = all.filter((_, at) => !isRepeated(at));
  const happens = when === 'after' ? ' after mutating admission happens' : '';
  warn(
    `.metadata.ownerReferences contains duplicate entries${happens}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${repeated.join(', ')}`,
  );
}
