import type { Container, EphemeralContainer, Pod } from '@berth/kube';

/** `name_namespace(uid)`: how kubelet names a pod in messages (format.Pod). */
export function describePod(pod: Pod): string {
  return `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;
}

export function uidOf(pod: Pod): string {
  return pod.metadata.uid ?? '';
}

/** A sidecar: an init container that keeps running beside the others (KEP-753). */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

export function initContainersOf(pod: Pod): readonly Container[] {
  return pod.spec?.initContainers ?? [];
}

export function containersOf(pod: Pod): readonly Container[] {
  return pod.spec?.containers ?? [];
}

/** What `kubectl debug` added: started once, never again, and of no weight for the pod's phase. */
export function ephemeralContainersOf(pod: Pod): readonly EphemeralContainer[] {
  return pod.spec?.ephemeralContainers ?? [];
}

/** A regular, init or ephemeral container of the pod by name. */
export function findContainer(pod: Pod, name: string): Container | undefined {
  const all = [...containersOf(pod), ...initContainersOf(pod), ...ephemeralContainersOf(pod)];
  return all.find((container) => container.name === name);
}

/** Init containers that are not sidecars never restart after success; the pod's policy counts for the others. */
export function restartPolicyOf(pod: Pod): string {
  return pod.spec?.restartPolicy ?? 'Always';
}

export function isTerminalPhase(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

/** From here on upwards are the cluster's own pods (scheduling SystemCriticalPriority). */
const criticalPriority = 2_000_000_000;

/** Not to be evicted: of the cluster's own, or static (kubelet/types IsCriticalPod). */
export function isCritical({ metadata, spec }: Pod): boolean {
  const source = metadata.annotations?.['kubernetes.io/config.source'];
  const isStatic =
    metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined || (source !== undefined && source !== 'api');
  return isStatic || (spec?.priority ?? 0) >= criticalPriority;
}
