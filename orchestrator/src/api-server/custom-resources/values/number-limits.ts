import type { JsonSchema } from '../schema/json-schema.ts';
import { failure, SchemaResult } from './schema-result.ts';

/** Limits of numbers; those of whole numbers are cut to whole ones, as upstream compares them. */
export function numberResult(schema: JsonSchema, value: number, path: string): SchemaResult {
  const result = new SchemaResult();
  const { multipleOf, maximum, minimum, exclusiveMaximum, exclusiveMinimum } = schema;
  const whole = Number.isInteger(value);
  const bound = (limit: number) => (whole ? Math.trunc(limit) : limit);
  if (multipleOf !== undefined) {
    const factor = bound(multipleOf);
    if (factor <= 0)
      result.add({
        kind: 'invalid',
        name: path,
        value: factor,
        message: `factor MultipleOf declared for ${path} must be positive: ${goNumber(factor)}`,
      });
    else if (!isMultiple(value, factor))
      result.add(failure(path, value, `should be a multiple of ${goNumber(factor)}`));
  }
  if (minimum !== undefined) {
    const limit = bound(minimum);
    if (exclusiveMinimum ? value <= limit : value < limit)
      result.add(
        failure(path, value, `should be greater than ${exclusiveMinimum ? '' : 'or equal to '}${goNumber(limit)}`),
      );
  }
  if (maximum !== undefined) {
    const limit = bound(maximum);
    if (exclusiveMaximum ? value >= limit : value > limit)
      result.add(
        failure(path, value, `should be less than ${exclusiveMaximum ? '' : 'or equal to '}${goNumber(limit)}`),
      );
  }
  result.matches++;
  return result;
}

function isMultiple(value: number, factor: number): boolean {
  if (Number.isInteger(value)) return value % factor === 0;
  const quotient = factor < 1 ? (1 / factor) * value : value / factor;
  // As upstream: what rounding leaves is no remainder.
  const rest = Math.abs(quotient - Math.round(quotient));
  return rest < Number.EPSILON * Math.max(1, Math.abs(quotient));
}

/** A float as Go prints it with %v. */
export function goNumber(value: number): string {
  if (value !== 0 && Math.abs(value) < 1e-4) {
    const [digits, exponent = '0'] = value.toExponential().split('e');
    return `${digits}e-${exponent.slice(1).padStart(2, '0')}`;
  }
  return String(value);
}
