import { type Container, type ContainerStatus, type Pod, Quantity } from '@berth/kube';

/** Amounts by resource name: `cpu` in thousandths, all else in whole units. */
export type Resources = Readonly<Record<string, number>>;

/** What scoring assumes for a container that asks for nothing (kube-scheduler util/pod_resources.go). */
const assumedRequests: Resources = { cpu: 100, memory: 200 * 1024 * 1024 };

/** Of what a pod may ask for as a whole (KEP-2837). */
const podLevel = /^(cpu|memory|hugepages-.*)$/;

/**
 * What a pod takes of its node: the sum over containers and sidecars, or the largest init step with the sidecars started
 * before it, whichever is more; what the pod asks for as a whole instead; plus overhead (KEP-753, resource helpers `PodRequests`).
 */
export function podRequests(
  pod: Pod,
  complete: (requests: Resources) => Resources = (requests) => requests,
): Resources {
  const { containers = [], initContainers = [], resources: whole, overhead } = pod.spec ?? {};
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  let sidecars: Resources = {};
  let initPeak: Resources = {};
  for (const container of initContainers) {
    if (container.restartPolicy === 'Always') {
      sidecars = add(sidecars, complete(effective(pod, container, ofName(initContainerStatuses, container))));
      initPeak = max(initPeak, sidecars);
    } else initPeak = max(initPeak, add(sidecars, complete(effective(pod, container, undefined))));
  }
  const running = containers.reduce(
    (sum, container) => add(sum, complete(effective(pod, container, ofName(containerStatuses, container)))),
    sidecars,
  );
  const asked = Object.entries(effective(pod, { resources: whole }, pod.status)).filter(
    ([name]) => podLevel.test(name) && whole?.requests?.[name] !== undefined,
  );
  return add({ ...max(running, initPeak), ...Object.fromEntries(asked) }, parseResources(overhead));
}

/** Requests with upstream's assumptions in place of none, for scoring only. */
export function assumedPodRequests(pod: Pod): Resources {
  return podRequests(pod, (requests) => ({ ...assumedRequests, ...requests }));
}

/** While it is resized, a container takes what it has and what it is to have, whichever is more; the latter not where it can never have it (KEP-1287). */
function effective(pod: Pod, { resources }: Asking, status: Given | undefined): Resources {
  const wanted = parseResources(resources?.requests);
  if (!status?.resources) return wanted;
  const has = max(parseResources(status.resources.requests), parseResources(status.allocatedResources));
  const pending = pod.status?.conditions?.find(({ type }) => type === 'PodResizePending');
  return pending?.reason === 'Infeasible' ? has : max(wanted, has);
}

type Asking = { readonly resources?: Container['resources'] | undefined };
type Given = Pick<ContainerStatus, 'resources' | 'allocatedResources'>;

function ofName(statuses: readonly ContainerStatus[], { name }: Container): ContainerStatus | undefined {
  return statuses.find((status) => status.name === name);
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
