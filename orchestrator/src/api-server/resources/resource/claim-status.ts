import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceAllocationConfiguration,
  DeviceRequestAllocationResult,
  NetworkDeviceData,
  ResourceV1ResourceClaim as ResourceClaim,
  ResourceClaimConsumerReference,
  ResourceClaimStatus,
} from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { validateNodeSelector } from '../core/node-selector.ts';
import { validateDriverName } from '../core/pod/volume-sources.ts';
import { semanticEqual } from '../equality.ts';
import { forbidden, invalid, notSupported, required, tooLong, tooMany } from '../field.ts';
import { immutable } from '../metadata.ts';
import { boundedList, boundedSet } from './bounded.ts';
import { validateBindingConditions } from './device.ts';
import {
  longestParameters,
  mostConfigurations,
  mostRequests,
  type RequestNames,
  requestNames,
  validateConfiguration,
  validateRawObject,
  validateRequestRef,
  validateRequestRefs,
} from './device-claim.ts';
import { type DeviceRef, deviceKey, deviceKeys, keyText } from './device-key.ts';
import { validateLabel, validatePoolName, validateUid } from './device-names.ts';
import { interfaceAddressErrors } from './interface-address.ts';
import { validateConditions } from './taints.ts';

const mostConsumers = 256;
const mostConditions = 8;
const mostAddresses = 16;
const longestInterfaceName = 256;
const longestHardwareAddress = 128;

/** Who changes status.allocation, reservedFor and devices may do so (apis/resource/validation validateResourceClaimStatusUpdate). */
export function validateClaimStatus(next: ResourceClaim, old: ResourceClaim): FieldError[] {
  const { status = {} } = next;
  const before = old.status ?? {};
  const names = requestNames(next.spec?.devices);
  const allocated = deviceKeys(status.allocation?.devices?.results);
  const check = (device: AllocatedDeviceStatus, field: string) => deviceErrors(device, field, allocated);
  return [
    ...boundedSet(
      status.reservedFor,
      { max: mostConsumers, check: consumerErrors, keyOf: ({ uid }) => uid },
      'status.reservedFor',
    ),
    ...boundedSet(status.devices, { max: Number.POSITIVE_INFINITY, check, keyOf: deviceKey }, 'status.devices'),
    ...reservationErrors(status, before, next.metadata.deletionTimestamp !== undefined),
    ...allocationChange(status.allocation, before.allocation, names),
  ];
}

function consumerErrors(consumer: ResourceClaimConsumerReference, field: string): FieldError[] {
  return (['resource', 'name', 'uid'] as const).flatMap((name) =>
    consumer[name] ? [] : [required(`${field}.${name}`)],
  );
}

function reservationErrors(status: ResourceClaimStatus, before: ResourceClaimStatus, deleted: boolean): FieldError[] {
  const field = 'status.reservedFor';
  const { reservedFor = [], allocation } = status;
  if (reservedFor.length === 0) return [];
  if (!allocation) return [forbidden(field, 'may not be specified when `allocated` is not set')];
  const isNew = (one: ResourceClaimConsumerReference) =>
    !(before.reservedFor ?? []).some((other) => semanticEqual(one, other));
  if (!deleted || !reservedFor.some(isNew)) return [];
  return [
    forbidden(field, 'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set'),
  ];
}

function allocationChange(
  next: AllocationResult | undefined,
  before: AllocationResult | undefined,
  names: RequestNames,
): FieldError[] {
  if (!next) return [];
  const field = 'status.allocation';
  if (before) return immutable(next, before, field);
  const { results, config } = next.devices ?? {};
  return [
    ...boundedList(results, mostRequests, `${field}.devices.results`, (result, at) => resultErrors(result, at, names)),
    ...boundedList(config, 2 * mostConfigurations, `${field}.devices.config`, (each, at) =>
      configurationErrors(each, at, names),
    ),
    ...(next.nodeSelector ? validateNodeSelector(next.nodeSelector, `${field}.nodeSelector`) : []),
  ];
}

function resultErrors(result: DeviceRequestAllocationResult, field: string, names: RequestNames): FieldError[] {
  const { request = '', shareID } = result;
  return [
    ...validateRequestRef(request, `${field}.request`, names),
    ...placeErrors(result, field),
    ...validateBindingConditions(result, field),
    ...(shareID === undefined ? [] : validateUid(shareID, `${field}.shareID`)),
  ];
}

function placeErrors({ driver = '', pool = '', device = '' }: DeviceRef, field: string): FieldError[] {
  return [
    ...validateDriverName(driver, `${field}.driver`),
    ...validatePoolName(pool, `${field}.pool`),
    ...validateLabel(device, `${field}.device`),
  ];
}

const sources = ['FromClaim', 'FromClass'];

function configurationErrors(config: DeviceAllocationConfiguration, field: string, names: RequestNames): FieldError[] {
  const { source = '', requests, opaque } = config;
  return [
    ...(source === '' ? [required(`${field}.source`)] : []),
    ...(source === '' || sources.includes(source) ? [] : [notSupported(`${field}.source`, source, sources)]),
    ...validateRequestRefs(requests, `${field}.requests`, names),
    ...validateConfiguration(opaque, field),
  ];
}

function deviceErrors(device: AllocatedDeviceStatus, field: string, allocated: ReadonlySet<string>): FieldError[] {
  const { shareID, conditions = [], data, networkData } = device;
  return [
    ...placeErrors(device, field),
    ...(shareID === undefined ? [] : validateUid(shareID, `${field}.shareID`)),
    ...(allocated.has(keyText(device))
      ? []
      : [invalid(field, deviceKey(device), 'must be an allocated device in the claim')]),
    ...(conditions.length > mostConditions ? [tooMany(`${field}.conditions`, conditions.length, mostConditions)] : []),
    ...validateConditions(conditions, `${field}.conditions`),
    ...(data === undefined ? [] : validateRawObject(data, `${field}.data`, longestParameters)),
    ...(networkData ? networkErrors(networkData, `${field}.networkData`) : []),
  ];
}

function networkErrors(data: NetworkDeviceData, field: string): FieldError[] {
  const { interfaceName = '', hardwareAddress = '', ips } = data;
  const limited = (name: string, value: string, longest: number) =>
    Buffer.byteLength(value) > longest ? [tooLong(`${field}.${name}`, longest)] : [];
  return [
    ...limited('interfaceName', interfaceName, longestInterfaceName),
    ...limited('hardwareAddress', hardwareAddress, longestHardwareAddress),
    ...boundedSet(ips, { max: mostAddresses, check: interfaceAddressErrors, keyOf: (ip) => ip }, `${field}.ips`),
  ];
}
