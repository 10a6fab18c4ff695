import { type Integer, isInteger } from '@berth/kit';
import { goFloat } from '@berth/kube';
import type { JsonSchema } from '../schema/json-schema.ts';
import { failure, SchemaResult } from './schema-result.ts';

/**
 * Limits of numbers. What does not fit the type is compared as it is, after a complaint; whole values are compared with
 * the whole part of a limit, as upstream does.
 */
export function numberResult(schema: JsonSchema, value: Integer, path: string): SchemaResult {
  const result = new SchemaResult();
  const { multipleOf, maximum, minimum, exclusiveMaximum, exclusiveMinimum } = schema;
  const add = (words: string) => result.add(failure(path, value, words));
  const bound = (limit: number, prefix: string) => {
    const misfit = misfitOf(schema, limit, prefix, path);
    if (misfit !== undefined) result.add({ kind: 'junctor', name: '', value: '', message: misfit });
    const isWhole = misfit === undefined && isInteger(value);
    return isWhole
      ? { limit: Math.trunc(limit), shown: String(BigInt(Math.trunc(limit))) }
      : { limit, shown: goFloat(limit) };
  };
  const own = misfitOf(schema, value, 'Checked', path);
  if (own !== undefined) result.add({ kind: 'junctor', name: '', value: '', message: own });
  if (multipleOf !== undefined) {
    const { limit: factor, shown } = bound(multipleOf, 'MultipleOf');
    const message = `factor MultipleOf declared for ${path} must be positive: ${shown}`;
    if (factor <= 0) result.add({ kind: 'invalid', name: path, value: factor, message });
    else if (!isMultiple(value, factor)) add(`should be a multiple of ${shown}`);
  }
  if (minimum !== undefined) {
    const { limit, shown } = bound(minimum, 'Minimum boundary');
    if (exclusiveMinimum ? value <= limit : value < limit)
      add(`should be greater than ${exclusiveMinimum ? '' : 'or equal to '}${shown}`);
  }
  if (maximum !== undefined) {
    const { limit, shown } = bound(maximum, 'Maximum boundary');
    if (exclusiveMaximum ? value >= limit : value > limit)
      add(`should be less than ${exclusiveMaximum ? '' : 'or equal to '}${shown}`);
  }
  result.matches++;
  return result;
}

/** Why a number is none of the schema's type and format; undefined: it is. */
function misfitOf({ type, format }: JsonSchema, value: Integer, prefix: string, path: string): string | undefined {
  const about = (name: string, known: boolean) =>
    `${prefix} value must be of type ${name} ${known ? `with format ${format}` : '(default format)'} in ${path}`;
  if (type === 'integer') {
    const known = format === 'int32' || format === 'int64';
    const limit = format === 'int32' ? 2 ** 31 : 2 ** 63;
    return isInteger(value) && value >= -limit && value < limit ? undefined : about(type, known);
  }
  if (type !== 'number' || format !== 'float') return undefined;
  return Number.isFinite(Math.fround(Number(value))) ? undefined : about(type, true);
}

function isMultiple(value: Integer, factor: number): boolean {
  if (Number.isInteger(factor)) {
    if (typeof value === 'bigint') return value % BigInt(factor) === 0n;
    if (Number.isInteger(value)) return Math.abs(value) < 2 ** 63 && value % factor === 0;
  }
  const near = Number(value);
  const quotient = factor < 1 ? (1 / factor) * near : near / factor;
  // As upstream: what rounding leaves is no remainder, and large numbers are no multiples.
  if (Math.abs(quotient) > Number.MAX_SAFE_INTEGER) return false;
  return Math.abs(quotient - Math.round(quotient)) < Number.EPSILON * Math.max(1, Math.abs(quotient));
}
