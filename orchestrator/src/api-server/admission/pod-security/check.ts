import type { Container, EphemeralContainer, PodSpec } from '@berth/kube';

/** A pod, or what a workload's template will make. */
export interface CheckedPod {
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
}

export interface Violation {
  /** `privileged` */
  readonly reason: string;
  /** `container "c" must not set securityContext.privileged=true` */
  readonly detail: string;
}

export type CheckPod = (pod: CheckedPod) => Violation | undefined;

/** One rule of a level, as its versions have it. */
export interface Check {
  readonly id: string;
  /** In order; the last whose minor version is not newer than the policy's counts. */
  readonly versions: readonly { readonly since: number; readonly check: CheckPod }[];
  /** The check of the level below that this one stands in for. */
  readonly overrides?: string;
}

export type AnyContainer = Container | EphemeralContainer;

/** Upstream's order (policy visitor). */
export function containersOf({ spec }: CheckedPod): AnyContainer[] {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
}

/** The names of those that `isBad`. */
export function namesWhere(pod: CheckedPod, isBad: (container: AnyContainer) => boolean): string[] {
  return containersOf(pod).flatMap((container) => (isBad(container) ? [container.name] : []));
}

export function quoted(items: readonly string[]): string {
  return items.length === 0 ? '' : `"${items.join('", "')}"`;
}

export function plural(word: string, { length }: { readonly length: number }): string {
  return length === 1 ? word : `${word}s`;
}

/** `containers "a", "b"` */
export function named(word: string, names: readonly string[]): string {
  return `${plural(word, names)} ${quoted(names)}`;
}

/** `pod and container "a"`; empty where nothing is wrong. */
export function settersOf(pod: boolean, containers: readonly string[]): string {
  return [...(pod ? ['pod'] : []), ...(containers.length > 0 ? [named('container', containers)] : [])].join(' and ');
}

/** Each once, in order. */
export function distinct(values: readonly string[]): string[] {
  return [...new Set(values)].sort();
}
