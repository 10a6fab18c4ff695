import { isDeepStrictEqual } from 'node:util';
import type { PodCondition, PodStatus } from '@berth/kube';

/**
 * The strategic merge patch that turns one status into another; undefined where they are equal.
 * Conditions merge by type, addresses by ip, everything else is replaced (PodStatus' patch strategies).
 */
export function statusPatch(from: PodStatus, to: PodStatus): Record<string, unknown> | undefined {
  const patch: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(from), ...Object.keys(to)]) as Set<keyof PodStatus>) {
    if (isDeepStrictEqual(from[key], to[key])) continue;
    if (key === 'conditions') addConditions(patch, from.conditions ?? [], to.conditions ?? []);
    else if (key === 'podIPs' || key === 'hostIPs') patch[key] = replaceAddresses(from[key], to[key]);
    else patch[key] = to[key] ?? null;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

function addConditions(patch: Record<string, unknown>, from: readonly PodCondition[], to: readonly PodCondition[]) {
  const changed = to.flatMap((condition) => {
    const old = from.find(({ type }) => type === condition.type);
    if (isDeepStrictEqual(old, condition)) return [];
    const gone = Object.keys(old ?? {}).filter((key) => !(key in condition));
    return [{ ...Object.fromEntries(gone.map((key) => [key, null])), ...condition }];
  });
  const removed = from.filter(({ type }) => !to.some((condition) => condition.type === type));
  const entries = [...changed, ...removed.map(({ type }) => ({ type, $patch: 'delete' }))];
  if (entries.length === 0) return;
  patch['$setElementOrder/conditions'] = to.map(({ type }) => ({ type }));
  patch['conditions'] = entries;
}

function replaceAddresses(from: readonly { ip: string }[] = [], to: readonly { ip: string }[] = []): unknown {
  if (to.length === 0) return null;
  return from.length === 0 ? to : [{ $patch: 'replace' }, ...to];
}
