import type { Container, Pod } from '@berth/kube';
import { type NodeContext, podEvent } from '../node-context.ts';
import { containersOf, initContainersOf } from '../pods/pod-facts.ts';
import type { PodResize } from '../status/pod-status.ts';

/** Tells of a resize in place, with what the spec asks for (pkg/kubelet/events/resize.go). */
export function resizeEvent(
  node: NodeContext,
  pod: Pod,
  step: 'Started' | 'Completed' | 'Error' | 'Deferred',
  { generation, error }: PodResize = { generation: pod.metadata.generation },
  word = step.toLowerCase(),
): void {
  const listed = (containers: readonly Container[]) =>
    containers.map(({ name, resources = {} }) => ({ name, resources: inOrder(resources) }));
  const init = listed(initContainersOf(pod));
  const summary = JSON.stringify({
    ...(init.length > 0 ? { initContainers: init } : {}),
    containers: listed(containersOf(pod)),
    generation: generation ?? 0,
    ...(error === undefined ? {} : { error }),
  });
  const type = step === 'Error' || step === 'Deferred' ? 'Warning' : 'Normal';
  podEvent(node, pod)(type, `Resize${step}`, `Pod resize ${word}: ${summary}`);
}

/** As Go writes it: limits first, and resources by name. */
function inOrder({ limits, requests, claims }: NonNullable<Container['resources']>) {
  const sorted = (list: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(list).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    ...(limits ? { limits: sorted(limits) } : {}),
    ...(requests ? { requests: sorted(requests) } : {}),
    ...(claims ? { claims } : {}),
  };
}
