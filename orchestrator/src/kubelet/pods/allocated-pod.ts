import { isDeepStrictEqual } from 'node:util';
import type { Container, Pod } from '@berth/kube';
import type { PendingResize } from '../status/pod-status.ts';

type Resources = NonNullable<Container['resources']>;
/** What a pod was given: as a whole, and each container by name. */
export interface Allocation {
  readonly whole: Resources;
  readonly containers: readonly (readonly [string, Resources])[];
}

export function allocationOf({ spec }: Pod): Allocation {
  const named = (containers: readonly Container[] = []) =>
    containers.map(({ name, resources = {} }) => [name, resources] as const);
  return {
    whole: spec?.resources ?? {},
    containers: [...named(spec?.initContainers), ...named(spec?.containers)],
  };
}

/** A pod with the resources that it was given, whatever its spec asks for by now (allocation manager UpdatePodFromAllocation). */
export function withAllocation(pod: Pod, { whole, containers }: Allocation): Pod {
  if (!pod.spec) return pod;
  const byName = new Map(containers);
  const given = (container: Container) => withResources(container, byName.get(container.name));
  const { initContainers } = pod.spec;
  const spec = {
    ...pod.spec,
    ...(initContainers ? { initContainers: initContainers.map(given) } : {}),
    containers: pod.spec.containers.map(given),
  };
  return { ...pod, spec: pod.spec.resources ? withResources(spec, whole) : spec };
}

/** What a pod's status says of a resize that waits. */
export function pendingOf({ status }: Pod): PendingResize | undefined {
  const condition = status?.conditions?.find(({ type }) => type === 'PodResizePending');
  if (!condition) return undefined;
  const { observedGeneration: generation, reason = '', message = '', lastProbeTime: probed } = condition;
  return { generation, reason, message, probed };
}

/** Whether both are given the same. */
export function isSameAllocation(a: Pod, b: Pod): boolean {
  return isDeepStrictEqual(allocationOf(a), allocationOf(b));
}

/** Unchanged where it has them already: what is compared with what containers were made of stays as it was written. */
function withResources<T extends { readonly resources?: Resources }>(owner: T, resources: Resources | undefined): T {
  if (!resources || isDeepStrictEqual(owner.resources ?? {}, resources)) return owner;
  return { ...owner, resources };
}
