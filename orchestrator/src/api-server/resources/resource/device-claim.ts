import type {
  DeviceClaim,
  DeviceConstraint,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  DeviceToleration,
  ExactDeviceRequest,
  OpaqueDeviceConfiguration,
  ResourceClaimSpec,
} from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { validateDriverName } from '../core/pod/volume-sources.ts';
import { invalid, notSupported, required, tooLong } from '../field.ts';
import { boundedList, boundedSet } from './bounded.ts';
import { validateFullyQualifiedName, validateLabel, validateSubdomain } from './device-names.ts';
import { validateToleration } from './taints.ts';

export const mostRequests = 32;
const mostAlternatives = 8;
export const mostConfigurations = 32;
const mostSelectors = 32;
export const longestParameters = 10 * 1024;
const longestExpression = 10 * 1024;

/** What may be named where a request is meant: `request` and, of one with alternatives, `request/alternative`. */
export type RequestNames = ReadonlySet<string>;

export function requestNames({ requests }: DeviceClaim = {}): RequestNames {
  return new Set(
    (requests ?? []).flatMap(({ name, firstAvailable = [] }) => [
      name,
      ...firstAvailable.map((alternative) => `${name}/${alternative.name}`),
    ]),
  );
}

/** A claim's spec in v1's form (apis/resource/validation validateResourceClaimSpec); expressions are compiled elsewhere. */
export function validateClaimSpec({ devices = {} }: ResourceClaimSpec, path: string): FieldError[] {
  const names = requestNames(devices);
  const field = `${path}.devices`;
  return [
    ...boundedSet(
      devices.requests ?? [],
      { max: mostRequests, check: requestErrors, keyOf: ({ name }) => name },
      `${field}.requests`,
    ),
    ...boundedList(devices.constraints, 32, `${field}.constraints`, (constraint, at) =>
      constraintErrors(constraint, at, names),
    ),
    ...boundedList(devices.config, mostConfigurations, `${field}.config`, (config, at) => [
      ...validateRequestRefs(config.requests, `${at}.requests`, names),
      ...validateConfiguration(config.opaque, at),
    ]),
  ];
}

function requestErrors({ name = '', exactly, firstAvailable = [] }: DeviceRequest, field: string): FieldError[] {
  const errors = validateLabel(name, `${field}.name`);
  const detail = 'exactly one of `exactly` or `firstAvailable` is required';
  if (exactly && firstAvailable.length > 0)
    return [...errors, invalid(field, null, `${detail}, but multiple fields are set`)];
  if (exactly) return [...errors, ...exactErrors(exactly, `${field}.exactly`)];
  if (firstAvailable.length === 0) return [...errors, required(field, detail)];
  const rules = { max: mostAlternatives, check: alternativeErrors, keyOf: (each: DeviceSubRequest) => each.name };
  return [...errors, ...boundedSet(firstAvailable, rules, `${field}.firstAvailable`)];
}

function alternativeErrors(alternative: DeviceSubRequest, field: string): FieldError[] {
  return [...validateLabel(alternative.name ?? '', `${field}.name`), ...exactErrors(alternative, field)];
}

type Asked = Pick<ExactDeviceRequest, 'deviceClassName' | 'selectors' | 'allocationMode' | 'count' | 'tolerations'>;

function exactErrors(asked: Asked, field: string): FieldError[] {
  const { deviceClassName = '', selectors, tolerations = [] } = asked;
  return [
    ...(deviceClassName === ''
      ? [required(`${field}.deviceClassName`)]
      : validateSubdomain(deviceClassName, `${field}.deviceClassName`)),
    ...validateSelectors(selectors, `${field}.selectors`),
    ...countErrors(asked, field),
    ...validateTolerations(tolerations, `${field}.tolerations`),
  ];
}

function validateTolerations(tolerations: readonly DeviceToleration[], field: string): FieldError[] {
  return tolerations.flatMap((each, index) => validateToleration(each, `${field}[${index}]`));
}

const modes = ['All', 'ExactCount'];

function countErrors({ allocationMode = '', count = 0 }: Asked, field: string): FieldError[] {
  if (!modes.includes(allocationMode)) return [notSupported(`${field}.allocationMode`, allocationMode, modes)];
  const wrong = allocationMode === 'All' ? count !== 0 : count <= 0;
  const detail =
    allocationMode === 'All' ? "must not be specified when allocationMode is 'All'" : 'must be greater than zero';
  return wrong ? [invalid(`${field}.count`, count, detail)] : [];
}

export function validateSelectors(selectors: readonly DeviceSelector[] | undefined, field: string): FieldError[] {
  return boundedList(selectors, mostSelectors, field, ({ cel }, at) => {
    if (!cel) return [required(`${at}.cel`)];
    const bytes = Buffer.byteLength(cel.expression ?? '');
    return bytes > longestExpression ? [tooLong(`${at}.cel.expression`, longestExpression)] : [];
  });
}

function constraintErrors(
  { requests, matchAttribute, distinctAttribute }: DeviceConstraint,
  field: string,
  names: RequestNames,
): FieldError[] {
  const errors = validateRequestRefs(requests, `${field}.requests`, names);
  if (matchAttribute !== undefined)
    return [...errors, ...validateFullyQualifiedName(matchAttribute, `${field}.matchAttribute`)];
  if (distinctAttribute !== undefined)
    return [...errors, ...validateFullyQualifiedName(distinctAttribute, `${field}.distinctAttribute`)];
  const detail = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set';
  return [...errors, required(field, detail)];
}

export function validateRequestRefs(
  requests: readonly string[] | undefined,
  field: string,
  names: RequestNames,
): FieldError[] {
  const check = (name: string, at: string) => validateRequestRef(name, at, names);
  return boundedSet(requests, { max: mostRequests, check, keyOf: (name) => name }, field);
}

export function validateRequestRef(name: string, field: string, names: RequestNames): FieldError[] {
  const detail =
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  const parts = name.split('/');
  if (parts.length > 2) return [invalid(field, name, detail)];
  return [
    ...parts.flatMap((part) => validateLabel(part, field)),
    ...(names.has(name) ? [] : [invalid(field, name, detail)]),
  ];
}

/** `stored`: it was there before, when nobody limited its length. */
export function validateConfiguration(
  opaque: OpaqueDeviceConfiguration | undefined,
  path: string,
  stored = false,
): FieldError[] {
  const field = `${path}.opaque`;
  if (!opaque) return [required(field)];
  return [
    ...validateDriverName(opaque.driver ?? '', `${field}.driver`),
    ...validateRawObject(
      opaque.parameters,
      `${field}.parameters`,
      stored ? Number.POSITIVE_INFINITY : longestParameters,
    ),
  ];
}

/** A JSON object of anything (runtime.RawExtension). */
export function validateRawObject(value: unknown, field: string, longest: number): FieldError[] {
  if (value === undefined || value === null) return [required(field)];
  if (Buffer.byteLength(JSON.stringify(value)) > longest) return [tooLong(field, longest)];
  const isObject = typeof value === 'object' && !Array.isArray(value);
  return isObject ? [] : [invalid(field, '<value omitted>', 'must be a valid JSON object')];
}
