import { type Container, type Pod, Quantity } from '@berth/kube';
import { containersOf, initContainersOf, isSidecar } from '../pods/pod-facts.ts';

/** What a pod takes of the node's disk, in bytes. */
export interface StorageUse {
  /** By the name of an emptyDir. */
  readonly volumes: ReadonlyMap<string, number>;
  /** By the name of a container: what it wrote into its root, and its logs. */
  readonly containers: ReadonlyMap<string, number>;
  /** All of it. */
  readonly total: number;
}

const resource = 'ephemeral-storage';

/** Whether there is anything to hold the pod to. */
export function hasStorageLimits(pod: Pod): boolean {
  const volumes = pod.spec?.volumes ?? [];
  return volumes.some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined) || podLimit(pod) !== undefined;
}

/** A limit that a pod has gone over, and what metrics call it. */
export interface ExceededLimit {
  readonly signal: 'emptydirfs.limit' | 'ephemeralpodfs.limit' | 'ephemeralcontainerfs.limit';
  readonly message: string;
}

/** The first one, in upstream's order and words (eviction_manager.go localStorageEviction). */
export function exceededLimit(pod: Pod, { volumes, containers, total }: StorageUse): ExceededLimit | undefined {
  for (const { name, emptyDir } of pod.spec?.volumes ?? []) {
    const limit = emptyDir?.sizeLimit === undefined ? undefined : Quantity.parse(emptyDir.sizeLimit);
    if (!limit || !isOver(limit, volumes.get(name))) continue;
    return { signal: 'emptydirfs.limit', message: `Usage of EmptyDir volume "${name}" exceeds the limit "${limit}". ` };
  }
  const whole = podLimit(pod);
  if (whole && total > Number(whole.value())) {
    const message = `Pod ephemeral local storage usage exceeds the total limit of containers ${whole}. `;
    return { signal: 'ephemeralpodfs.limit', message };
  }
  for (const { name, resources } of containersOf(pod)) {
    const limit = Quantity.parse(resources?.limits?.[resource] ?? '0');
    if (!isOver(limit, containers.get(name))) continue;
    const message = `Container ${name} exceeded its local ephemeral storage limit "${limit}". `;
    return { signal: 'ephemeralcontainerfs.limit', message };
  }
  return undefined;
}

/** None is set by nothing. */
function isOver(limit: Quantity, used = 0): boolean {
  const bytes = Number(limit.value());
  return bytes > 0 && used > bytes;
}

/** Of all containers that have one, or of the largest init container with the sidecars before it (resource helpers PodLimits). */
function podLimit(pod: Pod): Quantity | undefined {
  let sidecars: Quantity | undefined;
  let init: Quantity | undefined;
  for (const container of initContainersOf(pod)) {
    const own = limitOf(container);
    if (isSidecar(container)) sidecars = sum(sidecars, own);
    init = larger(init, isSidecar(container) ? sidecars : sum(sidecars, own));
  }
  const main = containersOf(pod).reduce((all, container) => sum(all, limitOf(container)), sidecars);
  return larger(main, init);
}

function limitOf({ resources }: Container): Quantity | undefined {
  const limit = resources?.limits?.[resource];
  return limit === undefined ? undefined : Quantity.parse(limit);
}

function sum(a: Quantity | undefined, b: Quantity | undefined): Quantity | undefined {
  return a && b ? a.add(b) : (a ?? b);
}

function larger(a: Quantity | undefined, b: Quantity | undefined): Quantity | undefined {
  return a && b ? (b.compare(a) > 0 ? b : a) : (a ?? b);
}
