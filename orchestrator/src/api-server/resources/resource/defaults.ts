import type {
  Device,
  DeviceRequest,
  DeviceToleration,
  ExactDeviceRequest,
  ResourceClaimSpec,
  ResourceClaimStatus,
} from '@berth/kube';
import type { AnyObject } from '../../resource-definition.ts';
import { deviceKeys, keyText } from './device-key.ts';

/** A request of v1beta1, which is its own `exactly`. */
type FlatRequest = Partial<ExactDeviceRequest> & Pick<DeviceRequest, 'firstAvailable'>;

export function defaultClaim({ spec, status }: AnyObject): void {
  defaultRequests(spec);
  for (const { tolerations } of (status as ResourceClaimStatus | undefined)?.allocation?.devices?.results ?? [])
    defaultTolerations(tolerations);
}

export function defaultTemplate({ spec }: AnyObject): void {
  defaultRequests(spec?.spec);
}

/** Without its class a request of v1beta1 is one of alternatives, or wrong. */
function defaultRequests(spec: ResourceClaimSpec | undefined): void {
  for (const request of spec?.devices?.requests ?? []) {
    const flat = request as FlatRequest;
    if (request.exactly) defaultCount(request.exactly);
    else if (flat.deviceClassName) defaultCount(flat);
    defaultTolerations(request.exactly?.tolerations ?? flat.tolerations);
    for (const alternative of request.firstAvailable ?? []) {
      defaultCount(alternative);
      defaultTolerations(alternative.tolerations);
    }
  }
}

function defaultCount(request: Pick<FlatRequest, 'allocationMode' | 'count'>): void {
  request.allocationMode ||= 'ExactCount';
  if (request.allocationMode === 'ExactCount') request.count ||= 1;
}

function defaultTolerations(tolerations: readonly DeviceToleration[] = []): void {
  for (const toleration of tolerations) toleration.operator ||= 'Equal';
}

/** Devices as v1 has them, or below `basic`. What alpha features bring is not taken in: lists of values, and mappings to a node's resources. */
export function dropDisabledFields({ spec }: AnyObject): void {
  for (const device of devicesOf(spec)) {
    delete device.nodeAllocatableResourceMappings;
    for (const attribute of Object.values(device.attributes ?? {}))
      for (const list of ['ints', 'bools', 'strings', 'versions'] as const) delete attribute[list];
  }
}

/** Taints that do not say since when are from now on. */
export function stampTaints({ spec }: AnyObject, now: string): void {
  for (const { taints = [] } of devicesOf(spec)) for (const taint of taints) taint.timeAdded ??= now;
}

function devicesOf(spec: AnyObject['spec']): Device[] {
  const devices = (spec?.devices ?? []) as (Device & { basic?: Device })[];
  return devices.map((device) => device.basic ?? device);
}

/** What is told of a device goes with its allocation. */
export function dropDeallocatedDevices(next: AnyObject, old: AnyObject): void {
  const status = next['status'] as ResourceClaimStatus | undefined;
  if (!status?.devices) return;
  const gone = deviceKeys((old['status'] as ResourceClaimStatus | undefined)?.allocation?.devices?.results);
  for (const key of deviceKeys(status.allocation?.devices?.results)) gone.delete(key);
  const kept = status.devices.filter((device) => !gone.has(keyText(device)));
  if (kept.length > 0) status.devices = kept;
  else delete status.devices;
}
