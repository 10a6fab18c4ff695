import type { FieldError } from '../../resource-definition.ts';
import { invalid } from '../field.ts';
import { nonNegative } from '../metadata.ts';
import { percent } from '../names.ts';

/** A count or a share of at most 100 %. */
export function validateIntOrPercent(value: number | string, field: string, limited = true): FieldError[] {
  if (typeof value === 'number') return nonNegative(value, field);
  const errors = percent(value).map((text) => invalid(field, value, text));
  if (errors.length > 0 || !limited || Number.parseInt(value, 10) <= 100) return errors;
  return [invalid(field, value, 'must not be greater than 100%')];
}

export function isZero(value: number | string | undefined): boolean {
  if (typeof value === 'string' && percent(value).length === 0) return Number.parseInt(value, 10) === 0;
  // What is no number is none: IntValue.
  return !/^[+-]?\d+$/.test(`${value ?? 0}`) || Number(value ?? 0) === 0;
}
