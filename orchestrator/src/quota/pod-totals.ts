import type { Container, Pod, PodSpec } from '@berth/kube';
import { type Amounts, amountsOf, atLeast, only, plus } from './amounts.ts';

type Kind = 'requests' | 'limits';

/** Resources that a pod may say for itself, over its containers (KEP-2837, IsSupportedPodLevelResource). */
export function isPodLevelResource(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');
}

/**
 * What a pod asks for or is limited to as a whole, exactly: what its containers are, or what it says for itself, and overhead (resource
 * helpers PodRequests and PodLimits).
 */
export function podTotals({ spec }: Pod, kind: Kind): Amounts {
  const own = amountsOf(spec?.resources?.[kind]);
  const total = new Map([...containerTotals(spec, kind), ...[...own].filter(([name]) => isPodLevelResource(name))]);
  const overhead = amountsOf(spec?.overhead);
  // Overhead limits nothing by itself.
  return plus(total, kind === 'requests' ? overhead : only(overhead, total.keys()));
}

/** Containers and sidecars together, or the largest init step where that is more (AggregateContainerRequests, AggregateContainerLimits). */
export function containerTotals(spec: PodSpec | undefined, kind: Kind): Amounts {
  const of = (container: Container) => amountsOf(container.resources?.[kind]);
  let sidecars: Amounts = new Map();
  let initPeak: Amounts = new Map();
  for (const container of spec?.initContainers ?? []) {
    const step = plus(sidecars, of(container));
    if (container.restartPolicy === 'Always') sidecars = step;
    initPeak = atLeast(initPeak, step);
  }
  const running = (spec?.containers ?? []).reduce((sum, container) => plus(sum, of(container)), sidecars);
  return atLeast(running, initPeak);
}
