import type { LimitRange, LimitRangeItem } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { duplicate, forbidden, invalid, required } from '../field.ts';
import { qualifiedName } from '../names.ts';
import { canonicalQuantity, compareQuantities, parseQuantity } from '../quantity.ts';
import type { KindRules } from '../rules.ts';
import {
  isHugePages,
  isNativeResource,
  validateContainerResourceName,
  validateResourceName,
} from './pod/resource-requirements.ts';

const types = ['Pod', 'Container', 'PersistentVolumeClaim'];

export const limitRangeRules: KindRules = {
  rules: {
    default: (object) => {
      for (const limit of (object as LimitRange).spec?.limits ?? [])
        if (limit.type === 'Container') defaultLimit(limit);
    },
    prepareForCreate: ({ metadata }, { newUid }) => {
      metadata.name ||= newUid();
    },
    validate,
  },
};

/** Containers' defaults follow the limits: what is not said is the most, or else the least, that is allowed. */
function defaultLimit(limit: LimitRangeItem): void {
  limit.default = { ...limit.max, ...limit.default };
  limit.defaultRequest = { ...limit.min, ...limit.default, ...limit.defaultRequest };
}

function validate(object: AnyObject): FieldError[] {
  const limits = (object as LimitRange).spec?.limits ?? [];
  return limits.flatMap((limit, index) => {
    const field = `spec.limits[${index}]`;
    const repeated = limits.findIndex(({ type }) => type === limit.type) < index;
    return [
      ...typeErrors(limit.type, `${field}.type`),
      ...(repeated ? [duplicate(`${field}.type`, limit.type)] : []),
      ...nameErrors(limit, field),
      ...orderErrors(limit, field),
    ];
  });
}

function typeErrors(type: string, field: string): FieldError[] {
  const errors = qualifiedName(type).map((text) => invalid(field, type, text));
  if (errors.length > 0 || type.includes('/') || types.includes(type)) return errors;
  return [invalid(field, type, 'must be a standard limit type or fully qualified')];
}

function nameErrors(limit: LimitRangeItem, field: string): FieldError[] {
  const ofContainers = limit.type === 'Pod' || limit.type === 'Container';
  const check = ofContainers ? validateContainerResourceName : validateResourceName;
  const lists = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;
  const pod = limit.type === 'Pod';
  return [
    ...lists.flatMap((list) => {
      if (pod && (list === 'default' || list === 'defaultRequest'))
        return limit[list] ? [forbidden(`${field}.${list}`, "may not be specified when `type` is 'Pod'")] : [];
      return Object.keys(limit[list] ?? {}).flatMap((name) => check(name, `${field}.${list}[${name}]`));
    }),
    ...(limit.type === 'PersistentVolumeClaim' && !limit.min?.['storage'] && !limit.max?.['storage']
      ? [required(`${field}.limits`, 'either minimum or maximum storage value is required, but neither was provided')]
      : []),
  ];
}

/** Pairs that must stand in order; whose path an error shows, the words for both, and whose value it shows where that is another's. */
const orders = [
  ['min', 'max', 'min', 'min value', 'max value'],
  ['min', 'defaultRequest', 'defaultRequest', 'min value', 'default request value'],
  ['defaultRequest', 'max', 'defaultRequest', 'default request value', 'max value'],
  ['defaultRequest', 'default', 'defaultRequest', 'default request value', 'default limit value'],
  ['min', 'default', 'default', 'min value', 'default value', 'min'],
  ['default', 'max', 'default', 'default value', 'max value', 'max'],
] as const;

function orderErrors(limit: LimitRangeItem, field: string): FieldError[] {
  const names = new Set(
    [...orders.map(([list]) => list), 'maxLimitRequestRatio' as const].flatMap((list) =>
      Object.keys(limit[list] ?? {}),
    ),
  );
  return [...names].flatMap((name) => [
    ...orders.flatMap(([low, high, shown, lowName, highName, value = shown]) => {
      const a = limit[low]?.[name];
      const b = limit[high]?.[name];
      if (a === undefined || b === undefined || compareQuantities(a, b) <= 0) return [];
      return [
        invalid(`${field}.${shown}[${name}]`, limit[value]?.[name], `${lowName} ${a} is greater than ${highName} ${b}`),
      ];
    }),
    ...ratioErrors(name, limit, `${field}.maxLimitRequestRatio[${name}]`),
    ...overcommitErrors(name, limit, field),
  ]);
}

function ratioErrors(name: string, { maxLimitRequestRatio, min, max }: LimitRangeItem, field: string): FieldError[] {
  const ratio = maxLimitRequestRatio?.[name];
  if (ratio === undefined) return [];
  const [least, most] = [min?.[name], max?.[name]];
  const text = canonicalQuantity(ratio);
  return [
    ...(compareQuantities(ratio, 1) < 0 ? [invalid(field, text, `ratio ${text} is less than 1`)] : []),
    ...(least === undefined || most === undefined ? [] : aboveRange(ratio, least, most, field)),
  ];
}

/** Quantities beyond it are compared in whole units (resource.MaxMilliValue). */
const largestInThousandths = (2n ** 63n - 1n) / 1000n;

function aboveRange(ratio: string, least: string, most: string, field: string): FieldError[] {
  const all = [ratio, least, most].map(parseQuantity);
  const fine = all.every((quantity) => quantity.value() < largestInThousandths);
  const [own, low, high] = all.map((quantity) =>
    fine ? Number(quantity.milliValue()) / 1000 : Number(quantity.value()),
  ) as [number, number, number];
  const range = high / low;
  if (!(own > range)) return [];
  const text = canonicalQuantity(ratio);
  return [invalid(field, text, `ratio ${text} is greater than max/min = ${range.toFixed(6)}`)];
}

/** Devices, huge pages and the like are had in full or not at all. */
function overcommitErrors(name: string, limit: LimitRangeItem, field: string): FieldError[] {
  const [most, asked] = [limit.default?.[name], limit.defaultRequest?.[name]];
  if (limit.type === 'Pod' || most === undefined || asked === undefined || compareQuantities(most, asked) === 0)
    return [];
  if (isNativeResource(name) && !isHugePages(name)) return [];
  const text = `default value ${most} must equal to defaultRequest value ${asked} in ${name}`;
  return [invalid(`${field}.defaultRequest[${name}]`, asked, text)];
}
