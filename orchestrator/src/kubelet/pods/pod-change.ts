import { isDeepStrictEqual } from 'node:util';
import type { Pod } from '@berth/kube';
import { isKubeletCondition } from '../status/compute-conditions.ts';
import { isTerminalPhase } from './pod-facts.ts';

/** True where a change asks for work: not for the echo of this kubelet's own status writes (config.go podsDifferSemantically). */
export function needsWork(before: Pod, after: Pod): boolean {
  return !isDeepStrictEqual(relevant(before), relevant(after));
}

function relevant({ metadata, spec, status }: Pod): unknown {
  const { labels, annotations, deletionTimestamp, deletionGracePeriodSeconds, generation } = metadata;
  return {
    spec,
    metadata: { labels, annotations, deletionTimestamp, deletionGracePeriodSeconds, generation },
    // Readiness gates are other writers' conditions; a final phase may be another writer's too.
    gates: (status?.conditions ?? []).filter(({ type }) => !isKubeletCondition(type)),
    ended: isTerminalPhase(status?.phase),
  };
}
