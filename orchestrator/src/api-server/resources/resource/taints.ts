import type { Condition, DeviceTaint, DeviceTaintRule, DeviceTaintSelector, DeviceToleration } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { validateDriverName } from '../core/pod/volume-sources.ts';
import { duplicate, invalid, notSupported, required, tooLong, tooMany } from '../field.ts';
import { validateLabelName } from '../label-selector.ts';
import { regexComplaint } from '../names.ts';
import { validateLabel, validateLabelValue, validatePoolName } from './device-names.ts';

const effects = ['NoExecute', 'NoSchedule', 'None'];
const operators = ['Equal', 'Exists'];
const mostRuleConditions = 8;

/** `old`: what stood there, whose effect is not asked about again. */
export function validateTaint(taint: DeviceTaint, field: string, old?: DeviceTaint): FieldError[] {
  const { key = '', value = '', effect = '' } = taint;
  return [
    ...validateLabelName(key, `${field}.key`),
    ...(value === '' ? [] : validateLabelValue(value, `${field}.value`)),
    ...(old && (old.effect ?? '') === effect ? [] : effectErrors(effect, `${field}.effect`)),
  ];
}

function effectErrors(effect: string, field: string): FieldError[] {
  if (effect === '') return [required(field)];
  return effects.includes(effect) ? [] : [notSupported(field, effect, effects)];
}

export function validateToleration(toleration: DeviceToleration, field: string): FieldError[] {
  const { key = '', effect = '' } = toleration;
  return [
    ...(key === '' ? [] : validateLabelName(key, `${field}.key`)),
    ...operatorErrors(toleration, field),
    ...(effect === '' ? [] : effectErrors(effect, `${field}.effect`)),
  ];
}

function operatorErrors({ operator = '', value = '' }: DeviceToleration, field: string): FieldError[] {
  switch (operator) {
    case 'Exists':
      return value === '' ? [] : [invalid(`${field}.value`, value, 'must be empty for operator `Exists`')];
    case 'Equal':
      return validateLabelValue(value, `${field}.value`);
    case '':
      return [required(`${field}.operator`)];
    default:
      return [notSupported(`${field}.operator`, operator, operators)];
  }
}

export function validateTaintRule({ spec }: DeviceTaintRule, old?: DeviceTaintRule): FieldError[] {
  return [
    ...selectorErrors(spec?.deviceSelector ?? {}, 'spec.deviceSelector'),
    ...validateTaint(spec?.taint ?? { key: '', effect: '' }, 'spec.taint', old?.spec?.taint),
  ];
}

function selectorErrors({ driver, pool, device }: DeviceTaintSelector, field: string): FieldError[] {
  return [
    ...(driver === undefined ? [] : validateDriverName(driver, `${field}.driver`)),
    ...(pool === undefined ? [] : validatePoolName(pool, `${field}.pool`)),
    ...(device === undefined ? [] : validateLabel(device, `${field}.device`)),
  ];
}

export function validateTaintRuleStatus({ status }: DeviceTaintRule): FieldError[] {
  const conditions = status?.conditions ?? [];
  const field = 'status.conditions';
  return [
    ...validateConditions(conditions, field),
    ...(conditions.length > mostRuleConditions ? [tooMany(field, conditions.length, mostRuleConditions)] : []),
  ];
}

const statuses = ['False', 'True', 'Unknown'];
const reasonFormat = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?';
const reasonMessage =
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'";
const longestReason = 1024;
const longestMessage = 32 * 1024;

/** metav1.Condition wherever it stands (apimachinery metav1/validation ValidateConditions). */
export function validateConditions(conditions: readonly Condition[], list: string): FieldError[] {
  return conditions.flatMap((condition, index) => {
    const field = `${list}[${index}]`;
    const repeated = conditions.findIndex(({ type }) => type === condition.type) < index;
    return [
      ...(repeated ? [duplicate(`${field}.type`, condition.type ?? '')] : []),
      ...conditionErrors(condition, field),
    ];
  });
}

function conditionErrors(condition: Condition, field: string): FieldError[] {
  const { type = '', status = '', observedGeneration = 0, lastTransitionTime, reason = '', message = '' } = condition;
  return [
    ...validateLabelName(type, `${field}.type`),
    ...(statuses.includes(status) ? [] : [notSupported(`${field}.status`, status, statuses)]),
    ...(observedGeneration < 0
      ? [invalid(`${field}.observedGeneration`, observedGeneration, 'must be greater than or equal to zero')]
      : []),
    ...(lastTransitionTime ? [] : [required(`${field}.lastTransitionTime`)]),
    ...(reason === '' ? [required(`${field}.reason`)] : reasonErrors(reason, `${field}.reason`)),
    ...(Buffer.byteLength(message) > longestMessage ? [tooLong(`${field}.message`, longestMessage)] : []),
  ];
}

const reasonPattern = new RegExp(`^${reasonFormat}$`);

function reasonErrors(reason: string, field: string): FieldError[] {
  const complaint = regexComplaint(reasonMessage, reasonFormat, [
    'my_name',
    'MY_NAME',
    'MyName',
    'ReasonA,ReasonB',
    'ReasonA:ReasonB',
  ]);
  return [
    ...(reasonPattern.test(reason) ? [] : [invalid(field, reason, complaint)]),
    ...(Buffer.byteLength(reason) > longestReason ? [tooLong(field, longestReason)] : []),
  ];
}
