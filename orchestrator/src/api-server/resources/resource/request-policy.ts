import type { CapacityRequestPolicy, CapacityRequestPolicyRange, DeviceCapacity, Quantity } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { forbidden, invalid, required } from '../field.ts';
import { parseQuantity } from '../quantity.ts';
import { boundedSet } from './bounded.ts';

const mostValues = 10;

/** How much of a capacity may be asked for: one of some values, or what a range and its step allow (validateRequestPolicy). */
export function validateRequestPolicy({ value, requestPolicy: policy }: DeviceCapacity, path: string): FieldError[] {
  if (!policy) return [];
  const field = `${path}.requestPolicy`;
  const { validValues = [], validRange } = policy;
  const whole = parseQuantity(value);
  if (validValues.length > 0 && validRange)
    return [
      forbidden(
        field,
        'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time',
      ),
    ];
  if (validValues.length > 0)
    return withDefault(policy, field, 'validValues', (usual) =>
      valueErrors(usual, { whole, values: validValues, field: `${field}.validValues` }),
    );
  if (validRange)
    return withDefault(policy, field, 'validRange', (usual) =>
      rangeErrors(usual, { whole, range: validRange, field: `${field}.validRange` }),
    );
  return [];
}

function withDefault(
  policy: CapacityRequestPolicy,
  field: string,
  name: 'validValues' | 'validRange',
  check: (usual: Quantity) => FieldError[],
): FieldError[] {
  if (policy.default === undefined) return [required(`${field}.default`, `required when ${name} is defined`)];
  return check(parseQuantity(policy.default));
}

function valueErrors(
  usual: Quantity,
  { whole, values, field }: { readonly whole: Quantity; readonly values: readonly string[]; readonly field: string },
): FieldError[] {
  const parsed = values.map(parseQuantity);
  const unsorted = parsed.flatMap((value, index) => {
    const next = parsed[index + 1];
    const isLess = next !== undefined && value.compare(next) > 0;
    return isLess ? [invalid(`${field}[${index + 1}]`, String(next), 'values must be sorted in ascending order')] : [];
  });
  const tooLarge = (value: Quantity, at: string) =>
    value.compare(whole) > 0 ? [invalid(at, String(value), `option is larger than capacity value: ${whole}`)] : [];
  const keyOf = (value: Quantity) => String(value.value());
  const isKnown = values.length <= mostValues && parsed.some((value) => value.equals(usual));
  return [
    ...unsorted,
    ...boundedSet(parsed, { max: mostValues, check: tooLarge, keyOf }, field),
    ...(isKnown ? [] : [invalid(field, String(usual), 'default value is not valid according to the requestPolicy')]),
  ];
}

function rangeErrors(
  usual: Quantity,
  {
    whole,
    range,
    field,
  }: { readonly whole: Quantity; readonly range: CapacityRequestPolicyRange; readonly field: string },
): FieldError[] {
  if (range.min === undefined) return [required(`${field}.min`, 'required when validRange is defined')];
  const min = parseQuantity(range.min);
  const max = range.max === undefined ? undefined : parseQuantity(range.max);
  const step = range.step === undefined ? undefined : parseQuantity(range.step);
  const when = (wrong: boolean, name: string, value: Quantity, detail: string) =>
    wrong ? [invalid(`${field}.${name}`, String(value), detail)] : [];
  return [
    ...when(min.compare(whole) > 0, 'min', min, `min is larger than capacity value: ${whole}`),
    ...when(usual.compare(min) < 0, 'min', usual, `default is less than min: ${min}`),
    ...(max
      ? [
          ...when(min.compare(max) > 0, 'max', min, `min is larger than max: ${max}`),
          ...when(max.compare(whole) > 0, 'max', max, `max is larger than capacity value: ${whole}`),
          ...when(usual.compare(max) > 0, 'max', usual, `default is more than max: ${max}`),
        ]
      : []),
    ...(step ? stepErrors([usual, ...(max ? [max] : [])], { whole, min, step, field: `${field}.step` }) : []),
  ];
}

function stepErrors(
  values: readonly Quantity[],
  {
    whole,
    min,
    step,
    field,
  }: { readonly whole: Quantity; readonly min: Quantity; readonly step: Quantity; readonly field: string },
): FieldError[] {
  const first = min.add(step);
  // Upstream divides by zero here and answers with an internal error.
  const isMultiple = (value: Quantity) => step.value() !== 0n && (value.value() - min.value()) % step.value() === 0n;
  return [
    ...(first.compare(whole) > 0
      ? [invalid(field, String(step), `one step ${first} is larger than capacity value: ${whole}`)]
      : []),
    ...values
      .filter((value) => !isMultiple(value))
      .map((value) => invalid(field, String(value), `value is not a multiple of a given step (${step}) from (${min})`)),
  ];
}
