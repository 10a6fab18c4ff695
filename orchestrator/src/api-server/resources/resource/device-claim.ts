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
import type { ExpressionCheck } from './device-selectors.ts';
import { validateToleration } from './taints.ts';

export const mostRequests = 32;
const mostAlternatives = 8;
export const mostConfigurations = 32;
const mostSelectors = 32;
export const longestParameters = 10 * 1024;
const longestExpression = 10 * 1024;

/** Requests by their names, the last of each, and the alternatives these have: what may be named as `request` or `request/alternative`. */
export type RequestNames = ReadonlyMap<string, ReadonlySet<string>>;

export function requestNames({ requests }: DeviceClaim = {}): RequestNames {
  const namesOf = (alternatives: readonly DeviceSubRequest[] = []) => new Set(alternatives.map(({ name }) => name));
  return new Map((requests ?? []).map(({ name, firstAvailable }) => [name, namesOf(firstAvailable)]));
}

/** A claim's spec in v1's form (apis/resource/validation validateResourceClaimSpec); `expressions` reads those. */
export function validateClaimSpec(
  { devices = {} }: ResourceClaimSpec,
  path: string,
  expressions: ExpressionCheck,
): FieldError[] {
  const names = requestNames(devices);
  const field = `${path}.devices`;
  return [
    ...boundedSet(
      devices.requests ?? [],
      { max: mostRequests, check: (each, at) => requestErrors(each, at, expressions), keyOf: ({ name }) => name },
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

function requestErrors(
  { name = '', exactly, firstAvailable = [] }: DeviceRequest,
  field: string,
  expressions: ExpressionCheck,
): FieldError[] {
  const errors = validateLabel(name, `${field}.name`);
  const detail = 'exactly one of `exactly` or `firstAvailable` is required';
  if (exactly && firstAvailable.length > 0)
    return [...errors, invalid(field, null, `${detail}, but multiple fields are set`)];
  if (exactly) return [...errors, ...exactErrors(exactly, `${field}.exactly`, expressions)];
  if (firstAvailable.length === 0) return [...errors, required(field, detail)];
  const check = (each: DeviceSubRequest, at: string) => [
    ...validateLabel(each.name ?? '', `${at}.name`),
    ...exactErrors(each, at, expressions),
  ];
  const rules = { max: mostAlternatives, check, keyOf: (each: DeviceSubRequest) => each.name };
  return [...errors, ...boundedSet(firstAvailable, rules, `${field}.firstAvailable`)];
}

type Asked = Pick<ExactDeviceRequest, 'deviceClassName' | 'selectors' | 'allocationMode' | 'count' | 'tolerations'>;

function exactErrors(asked: Asked, field: string, expressions: ExpressionCheck): FieldError[] {
  const { deviceClassName = '', selectors, tolerations = [] } = asked;
  return [
    ...(deviceClassName === ''
      ? [required(`${field}.deviceClassName`)]
      : validateSubdomain(deviceClassName, `${field}.deviceClassName`)),
    ...validateSelectors(selectors, `${field}.selectors`, expressions),
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

export function validateSelectors(
  selectors: readonly DeviceSelector[] | undefined,
  field: string,
  expressions: ExpressionCheck,
): FieldError[] {
  return boundedList(selectors, mostSelectors, field, ({ cel }, at) => {
    if (!cel) return [required(`${at}.cel`)];
    const { expression = '' } = cel;
    if (Buffer.byteLength(expression) > longestExpression) return [tooLong(`${at}.cel.expression`, longestExpression)];
    return expressions(expression, `${at}.cel.expression`);
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
  const [request = '', alternative] = parts;
  const alternatives = names.get(request);
  const isKnown = alternative === undefined ? alternatives !== undefined : alternatives?.has(alternative);
  return [...parts.flatMap((part) => validateLabel(part, field)), ...(isKnown ? [] : [invalid(field, name, detail)])];
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
