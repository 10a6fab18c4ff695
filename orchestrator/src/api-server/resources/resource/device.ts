import {
  type Device,
  type DeviceAttribute,
  type DeviceCapacity,
  type DeviceCounterConsumption,
  type NodeSelector,
  withSentEmpty,
} from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { validateNodeSelector } from '../core/node-selector.ts';
import { semanticEqual } from '../equality.ts';
import { duplicate, forbidden, invalid, required, tooLong } from '../field.ts';
import { validateLabelName } from '../label-selector.ts';
import { boundedList, boundedMap, boundedSet } from './bounded.ts';
import { longestQualifiedName, validateLabel, validateQualifiedName, validateSubdomain } from './device-names.ts';
import { validateRequestPolicy } from './request-policy.ts';
import { validateTaint } from './taints.ts';

const mostAttributesAndCapacities = 32;
const mostAttributeValues = 48;
const longestValue = 64;
const mostTaints = 16;
const mostCounterSets = 2;
const mostCounters = 32;
const mostBindingConditions = 4;

export interface DeviceContext {
  /** The device of that name before. */
  readonly old: Device | undefined;
  /** Each device says where it is. */
  readonly perDevice: boolean;
}

/** A device of a slice in v1's form (apis/resource/validation validateDevice). */
export function validateDevice(device: Device, field: string, { old, perDevice }: DeviceContext): FieldError[] {
  const { name = '', attributes = {}, capacity = {}, taints, consumesCounters } = device;
  const names = { max: Number.POSITIVE_INFINITY, keyLength: longestQualifiedName, checkKey: validateQualifiedName };
  const capacityErrors = device.allowMultipleAllocations ? validateRequestPolicy : unshared;
  const consumption = { max: mostCounterSets, check: consumptionErrors, keyOf: keyOfConsumption };
  return [
    ...validateLabel(name, `${field}.name`),
    ...sizeErrors(device, field),
    ...boundedMap(attributes, { ...names, check: attributeErrors }, `${field}.attributes`),
    ...boundedMap(capacity, { ...names, check: capacityErrors }, `${field}.capacity`),
    ...(old && semanticEqual(old.taints, taints)
      ? []
      : boundedList(taints, mostTaints, `${field}.taints`, (taint, at) => validateTaint(taint, at))),
    ...boundedSet(consumesCounters, consumption, `${field}.consumesCounters`),
    ...placeErrors(device, field, perDevice),
    ...validateBindingConditions(device, field),
  ];
}

function keyOfConsumption({ counterSet }: DeviceCounterConsumption): string {
  return counterSet;
}

function sizeErrors({ attributes = {}, capacity = {} }: Device, field: string): FieldError[] {
  const values = Object.keys(attributes).length;
  const count = values + Object.keys(capacity).length;
  return [
    ...(count > mostAttributesAndCapacities
      ? [
          invalid(
            field,
            count,
            `the total number of attributes and capacities must not exceed ${mostAttributesAndCapacities}`,
          ),
        ]
      : []),
    ...(values > mostAttributeValues
      ? [invalid(field, values, `the total number of attribute values must not exceed ${mostAttributeValues}`)]
      : []),
  ];
}

const number = '(0|[1-9]\\d*)';
const word = '(0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)';
const build = '[0-9a-zA-Z-]+';
const semver = new RegExp(`^${number}\\.${number}\\.${number}(-${word}(\\.${word})*)?(\\+${build}(\\.${build})*)?$`);

function attributeErrors(attribute: DeviceAttribute, field: string): FieldError[] {
  const { int, bool, string, version } = attribute;
  const given = [int, bool, string, version].filter((value) => value !== undefined).length;
  const long = (value: string, at: string) =>
    Buffer.byteLength(value) > longestValue ? [tooLong(at, longestValue)] : [];
  return [
    ...(string === undefined ? [] : long(string, `${field}.string`)),
    ...(version === undefined || semver.test(version)
      ? []
      : [invalid(`${field}.version`, version, 'must be a string compatible with semver.org spec 2.0.0')]),
    ...(version === undefined ? [] : long(version, `${field}.version`)),
    ...(given === 1
      ? []
      : [invalid(field, given === 0 ? '' : goAttribute(attribute), 'exactly one value must be specified')]),
  ];
}

/** As Go prints the unversioned form. */
function goAttribute({ int, bool, string, version }: DeviceAttribute) {
  const values = { IntValue: int ?? null, BoolValue: bool ?? null, StringValue: string ?? null };
  const lists = { IntValues: null, BoolValues: null, StringValues: null, VersionValues: null };
  return { ...values, VersionValue: version ?? null, ...lists };
}

/** What only one claim gets is not asked for in parts. */
function unshared({ requestPolicy }: DeviceCapacity, field: string): FieldError[] {
  return requestPolicy ? [forbidden(`${field}.requestPolicy`, 'allowMultipleAllocations must be true')] : [];
}

function consumptionErrors({ counterSet = '', counters }: DeviceCounterConsumption, field: string): FieldError[] {
  return [
    ...(counterSet === '' ? [required(`${field}.counterSet`)] : validateLabel(counterSet, `${field}.counterSet`)),
    ...validateCounters(counters, `${field}.counters`),
  ];
}

export function validateCounters(counters: Readonly<Record<string, unknown>> = {}, field: string): FieldError[] {
  if (Object.keys(counters).length === 0) return [required(field)];
  return boundedMap(counters, { max: mostCounters, keyLength: 63, checkKey: validateLabel, check: () => [] }, field);
}

interface Place {
  readonly nodeName?: string;
  readonly nodeSelector?: NodeSelector;
  readonly allNodes?: boolean;
}

function placeErrors({ nodeName, nodeSelector, allNodes }: Place, field: string, perDevice: boolean): FieldError[] {
  const names = '`nodeName`, `nodeSelector`';
  if (!perDevice) {
    const detail = `${names} and \`allNodes\` can only be set if \`perDeviceNodeSelection\` is set to true in the ResourceSlice spec`;
    const isSet = nodeName !== undefined || nodeSelector || allNodes !== undefined;
    return isSet ? [invalid(field, null, detail)] : [];
  }
  const given = [
    ...(nodeName ? ['`nodeName`'] : []),
    ...(nodeSelector ? ['`nodeSelector`'] : []),
    ...(allNodes ? ['`allNodes`'] : []),
  ];
  const detail = `exactly one of ${names}, or \`allNodes\` is required when \`perDeviceNodeSelection\` is set to true in the ResourceSlice spec`;
  return [
    ...(nodeName === '' ? [invalid(`${field}.nodeName`, nodeName, 'must not be empty')] : []),
    ...(nodeName ? validateSubdomain(nodeName, `${field}.nodeName`) : []),
    ...(nodeSelector ? validateNodeSelector(nodeSelector, `${field}.nodeSelector`) : []),
    ...(allNodes === false ? [invalid(`${field}.allNodes`, allNodes, 'must be either unset or set to true')] : []),
    ...(given.length === 0 ? [required(field, detail)] : []),
    ...(given.length > 1 ? [invalid(field, `{${given.join(', ')}}`, detail)] : []),
  ];
}

type Binding = Pick<Device, 'bindingConditions' | 'bindingFailureConditions'>;

/** Conditions that a pod waits for, and those that end its waiting: both or neither. */
export function validateBindingConditions(binding: Binding, path: string): FieldError[] {
  const { bindingConditions: wanted = [], bindingFailureConditions: failures = [] } = binding;
  const shown = (name: keyof Binding) => withSentEmpty(binding, name) ?? null;
  const field = `${path}.bindingConditions`;
  const failureField = `${path}.bindingFailureConditions`;
  const both = 'bindingFailureConditions must not overlap with bindingConditions';
  return [
    ...boundedList(wanted, mostBindingConditions, field, validateLabelName),
    ...boundedList(failures, mostBindingConditions, failureField, validateLabelName),
    ...repetitions(wanted, field),
    ...failures.flatMap((name, index) => [
      ...(failures.indexOf(name) < index ? [duplicate(`${failureField}[${index}]`, name)] : []),
      ...(wanted.includes(name) ? [invalid(`${failureField}[${index}]`, name, both)] : []),
    ]),
    ...(wanted.length === 0 && failures.length > 0
      ? [invalid(field, shown('bindingConditions'), 'bindingConditions are required to use bindingFailureConditions')]
      : []),
    ...(failures.length === 0 && wanted.length > 0
      ? [
          invalid(
            failureField,
            shown('bindingFailureConditions'),
            'bindingFailureConditions are required to use bindingConditions',
          ),
        ]
      : []),
  ];
}

function repetitions(names: readonly string[], field: string): FieldError[] {
  return names.flatMap((name, index) => (names.indexOf(name) < index ? [duplicate(`${field}[${index}]`, name)] : []));
}
