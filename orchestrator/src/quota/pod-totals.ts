import type { Container, Pod } from '@berth/kube';
import { type Amounts, amountsOf, atLeast, only, plus } from './amounts.ts';

type Kind = 'requests' | 'limits';

/** Resources that a pod may say for itself, over its containers (KEP-2837). */
const podLevel = new Set(['cpu', 'memory']);

/**
 * What a pod asks for or is limited to as a whole, exactly: its containers and sidecars together, or its largest init step
 * where that is more, and overhead (resource helpers PodRequests and PodLimits).
 */
export function podTotals({ spec }: Pod, kind: Kind): Amounts {
  const of = (container: Container) => amountsOf(container.resources?.[kind]);
  let sidecars: Amounts = new Map();
  let initPeak: Amounts = new Map();
  for (const container of spec?.initContainers ?? []) {
    const step = plus(sidecars, of(container));
    if (container.restartPolicy === 'Always') sidecars = step;
    initPeak = atLeast(initPeak, step);
  }
  const running = (spec?.containers ?? []).reduce((sum, container) => plus(sum, of(container)), sidecars);
  const own = amountsOf(spec?.resources?.[kind]);
  const total = new Map([...atLeast(running, initPeak), ...[...own].filter(([name]) => podLevel.has(name))]);
  const overhead = amountsOf(spec?.overhead);
  // Overhead limits nothing by itself.
  return plus(total, kind === 'requests' ? overhead : only(overhead, total.keys()));
}
