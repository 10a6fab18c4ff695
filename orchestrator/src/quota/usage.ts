import {
  type DeviceRequest,
  type DeviceSubRequest,
  type PersistentVolumeClaim,
  type Pod,
  Quantity,
  type ResourceV1ResourceClaim as ResourceClaim,
  type Service,
} from '@berth/kube';
import { type Amounts, amountsOf, atLeast, plus } from './amounts.ts';
import { podTotals } from './pod-totals.ts';

const one = Quantity.of(1);

interface Counted {
  readonly group: string;
  readonly plural: string;
}

/** Kinds that had names of their own before `count/…` (quota/v1/evaluator/core legacyObjectCountAliases). */
const ownNames = new Set(['configmaps', 'resourcequotas', 'replicationcontrollers', 'secrets']);

type Asked = Partial<Pick<DeviceSubRequest, 'deviceClassName' | 'allocationMode' | 'count'>>;

/** resource/v1 AllocationResultsMaxSize: what `All` may come to. */
const mostAllocated = 32;

/** What an object takes of quotas, by the names quotas have for it (pkg/quota/v1/evaluator/core). */
export function usageOf({ group, plural }: Counted, object: object): Amounts {
  const counts = new Map([[`count/${plural}${group === '' ? '' : `.${group}`}`, one]]);
  if (group === 'resource.k8s.io' && plural === 'resourceclaims')
    return plus(counts, deviceUsage(object as ResourceClaim));
  if (group !== '') return counts;
  if (ownNames.has(plural)) return counts.set(plural, one);
  if (plural === 'pods') return new Map([...counts, ...podUsage(object as Pod)]);
  if (plural === 'persistentvolumeclaims') return new Map([...counts, ...claimUsage(object as PersistentVolumeClaim)]);
  if (plural === 'services') return new Map([...counts, ...serviceUsage(object as Service)]);
  return counts;
}

/** A pod that has ended takes nothing but its place as an object. */
function podUsage(pod: Pod): Amounts {
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return new Map();
  const usage = new Map([['pods', one]]);
  for (const [name, quantity] of podTotals(pod, 'requests')) {
    if (isCompute(name)) usage.set(name, quantity);
    if (isCompute(name) || name.startsWith('hugepages-') || name.includes('/')) usage.set(`requests.${name}`, quantity);
    if (name.startsWith('hugepages-')) usage.set(name, quantity);
  }
  for (const [name, quantity] of podTotals(pod, 'limits')) if (isCompute(name)) usage.set(`limits.${name}`, quantity);
  return usage;
}

function isCompute(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name === 'ephemeral-storage';
}

/** Also by class: `CLASS.storageclass.storage.k8s.io/requests.storage`. */
function claimUsage({ spec, status, metadata }: PersistentVolumeClaim): Amounts {
  const usage = new Map([['persistentvolumeclaims', one]]);
  const className = metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec?.storageClassName;
  const suffix = className ? `${className}.storageclass.storage.k8s.io` : undefined;
  if (suffix) usage.set(`${suffix}/persistentvolumeclaims`, one);
  const asked = amountsOf(spec?.resources?.requests).get('storage');
  // An expansion that was taken back still has its room until it is given up.
  const allocated = amountsOf(status?.allocatedResources).get('storage');
  const storage = allocated && (!asked || allocated.compare(asked) > 0) ? allocated : asked;
  if (!storage) return usage;
  usage.set('requests.storage', storage);
  if (suffix) usage.set(`${suffix}/requests.storage`, storage);
  return usage;
}

function serviceUsage({ spec }: Service): Amounts {
  const usage = new Map([['services', one]]);
  const ports = Quantity.of(spec?.ports?.length ?? 0);
  if (spec?.type === 'NodePort') usage.set('services.nodeports', ports);
  if (spec?.type === 'LoadBalancer') {
    usage.set('services.loadbalancers', one);
    if (spec.allocateLoadBalancerNodePorts !== false) usage.set('services.nodeports', ports);
  }
  return usage;
}

/**
 * Devices by class: `CLASS.deviceclass.resource.k8s.io/devices`. Of alternatives, the most of each class.
 * Version v1beta1 has what is meant exactly in the request itself.
 */
function deviceUsage({ spec }: ResourceClaim): Amounts {
  const requests: readonly (DeviceRequest & Asked)[] = spec.devices?.requests ?? [];
  const asked = requests.map(({ exactly, firstAvailable = [], ...request }) =>
    (firstAvailable.length > 0 ? firstAvailable : [exactly ?? request]).map(devicesOf).reduce(atLeast),
  );
  return asked.reduce(plus, new Map());
}

/** Nothing of a mode that is not known here, as after a downgrade. */
function devicesOf({ deviceClassName, allocationMode, count = 0 }: Asked): Amounts {
  if (allocationMode !== 'All' && allocationMode !== 'ExactCount') return new Map();
  const devices = Quantity.of(allocationMode === 'All' ? mostAllocated : count);
  return new Map([[`${deviceClassName}.deviceclass.resource.k8s.io/devices`, devices]]);
}

/** What containers must say where a quota counts it; the message of the refusal, or undefined (podEvaluator.Constraints). */
export function unsaid(pod: Pod, hard: Iterable<string>): string | undefined {
  const missing = new Map<string, string[]>();
  for (const name of hard) {
    const [, kind = 'requests', resource = ''] = /^(?:(requests|limits)\.)?(cpu|memory)$/.exec(name) ?? [];
    if (resource === '' || pod.spec?.resources?.[kind as 'requests' | 'limits']?.[resource] !== undefined) continue;
    for (const { name: container, resources } of [
      ...(pod.spec?.containers ?? []),
      ...(pod.spec?.initContainers ?? []),
    ]) {
      if (resources?.[kind as 'requests' | 'limits']?.[resource] === undefined)
        missing.set(name, [...(missing.get(name) ?? []), container]);
    }
  }
  if (missing.size === 0) return undefined;
  const texts = [...missing.keys()].sort().map((name) => `${name} for: ${missing.get(name)?.sort().join(',')}`);
  return `must specify ${texts.join('; ')}`;
}
