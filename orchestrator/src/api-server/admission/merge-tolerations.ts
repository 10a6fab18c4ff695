import type { Toleration } from '@berth/kube';
import { semanticEqual } from '../resources/equality.ts';

/** Both lists, without what another one covers already (upstream's tolerations.MergeTolerations). */
export function mergeTolerations(first: readonly Toleration[], second: readonly Toleration[]): Toleration[] {
  const all = [...first, ...second];
  const merged: Toleration[] = [];
  for (const [index, one] of all.entries()) {
    const later = all.slice(index + 1);
    if (merged.some((other) => covers(other, one))) continue;
    // Of equal ones the first stays.
    if (later.some((other) => !semanticEqual(other, one) && covers(other, one))) continue;
    merged.push(one);
  }
  return merged;
}

/** Whether whoever tolerates `wide` tolerates `narrow` as well. */
export function covers(wide: Toleration, narrow: Toleration): boolean {
  if (semanticEqual(wide, narrow)) return true;
  if ((narrow.key ?? '') !== (wide.key ?? '') && (wide.key || wide.operator !== 'Exists')) return false;
  if ((narrow.effect ?? '') !== (wide.effect ?? '') && wide.effect) return false;
  if (wide.effect === 'NoExecute' && wide.tolerationSeconds !== undefined) {
    const { tolerationSeconds } = narrow;
    if (tolerationSeconds === undefined || tolerationSeconds > wide.tolerationSeconds) return false;
  }
  if (wide.operator === 'Exists') return true;
  if (wide.operator && wide.operator !== 'Equal') return false;
  return narrow.operator === 'Equal' && (narrow.value ?? '') === (wide.value ?? '');
}
