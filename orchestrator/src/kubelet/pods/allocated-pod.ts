import { isDeepStrictEqual } from 'node:util';
import type { Container, Pod } from '@berth/kube';
import type { PendingResize } from '../status/pod-status.ts';

type Resources = Container['resources'];
/** What a pod was given: as a whole, and each container by name. */
interface Allocation {
  readonly whole: Resources;
  readonly containers: ReadonlyMap<string, Resources>;
}

/** A pod with the resources that it was given, whatever its spec asks for by now (allocation manager UpdatePodFromAllocation). */
export function withAllocationOf(pod: Pod, given: Pod): Pod {
  const { spec } = given;
  const all = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  const containers = new Map(all.map(({ name, resources }) => [name, resources]));
  return withAllocation(pod, { whole: spec?.resources, containers });
}

/** Of a pod whose resize was waiting when the kubelet before this one ended, what its containers have; else the pod. */
export function knownAllocation(pod: Pod): Pod {
  if (!pendingOf(pod)) return pod;
  const { initContainerStatuses = [], containerStatuses = [], resources: whole } = pod.status ?? {};
  const told = [...initContainerStatuses, ...containerStatuses].filter(({ resources }) => resources);
  return withAllocation(pod, { whole, containers: new Map(told.map(({ name, resources }) => [name, resources])) });
}

/** What a pod's status says of a resize that waits. */
export function pendingOf({ status }: Pod): PendingResize | undefined {
  const condition = status?.conditions?.find(({ type }) => type === 'PodResizePending');
  if (!condition) return undefined;
  const { observedGeneration: generation, reason = '', message = '' } = condition;
  return { generation, reason, message };
}

/** Whether both are given the same. */
export function isSameAllocation(a: Pod, b: Pod): boolean {
  return isDeepStrictEqual(allocationOf(a), allocationOf(b));
}

function allocationOf({ spec }: Pod): unknown {
  const named = (containers: readonly Container[] = []) =>
    containers.map(({ name, resources }) => [name, resources ?? {}]);
  return [spec?.resources ?? {}, named(spec?.initContainers), named(spec?.containers)];
}

function withAllocation(pod: Pod, { whole, containers }: Allocation): Pod {
  if (!pod.spec) return pod;
  const given = (container: Container): Container =>
    containers.has(container.name) ? withResources(container, containers.get(container.name)) : container;
  const { initContainers } = pod.spec;
  const spec = {
    ...pod.spec,
    ...(initContainers ? { initContainers: initContainers.map(given) } : {}),
    containers: pod.spec.containers.map(given),
  };
  return { ...pod, spec: pod.spec.resources ? withResources(spec, whole) : spec };
}

function withResources<T extends { readonly resources?: Resources }>(owner: T, resources: Resources): T {
  const { resources: _, ...rest } = owner;
  return (resources ? { ...rest, resources } : rest) as T;
}
