import { type Container, type Pod, Quantity } from '@berth/kube';

/** Amounts by resource name: `cpu` in thousandths, all else in whole units. */
export type Resources = Readonly<Record<string, number>>;

/** What scoring assumes for a container that asks for nothing (kube-scheduler util/pod_resources.go). */
const assumedRequests: Resources = { cpu: 100, memory: 200 * 1024 * 1024 };

/**
 * What a pod takes of its node: the sum over containers and sidecars, or the largest init step with the sidecars started
 * before it, whichever is more; plus overhead (KEP-753, resource helpers `PodRequests`).
 */
export function podRequests(pod: Pod, requestsOf: (container: Container) => Resources = containerRequests): Resources {
  let sidecars: Resources = {};
  let initPeak: Resources = {};
  for (const container of pod.spec?.initContainers ?? []) {
    const own = requestsOf(container);
    if (container.restartPolicy === 'Always') {
      sidecars = add(sidecars, own);
      initPeak = max(initPeak, sidecars);
    } else initPeak = max(initPeak, add(sidecars, own));
  }
  const running = (pod.spec?.containers ?? []).reduce((sum, container) => add(sum, requestsOf(container)), sidecars);
  return add(max(running, initPeak), parseResources(pod.spec?.overhead));
}

/** Requests with upstream's assumptions in place of none, for scoring only. */
export function assumedPodRequests(pod: Pod): Resources {
  return podRequests(pod, (container) => ({ ...assumedRequests, ...containerRequests(container) }));
}

function containerRequests(container: Container): Resources {
  return parseResources(container.resources?.requests);
}

export function parseResources(list: Readonly<Record<string, string>> | undefined): Resources {
  const parsed = Object.entries(list ?? {}).map(([name, text]) => {
    const quantity = Quantity.parse(text);
    return [name, Number(name === 'cpu' ? quantity.milliValue() : quantity.value())];
  });
  return Object.fromEntries(parsed);
}

export function add(a: Resources, b: Resources): Resources {
  return combine(a, b, (x, y) => x + y);
}

export function subtract(a: Resources, b: Resources): Resources {
  return combine(a, b, (x, y) => x - y);
}

function max(a: Resources, b: Resources): Resources {
  return combine(a, b, Math.max);
}

function combine(a: Resources, b: Resources, merge: (x: number, y: number) => number): Resources {
  const result: Record<string, number> = { ...a };
  for (const [name, amount] of Object.entries(b)) result[name] = merge(result[name] ?? 0, amount);
  return result;
}
