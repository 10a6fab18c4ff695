import { type Integer, isInt64 } from '@berth/kit';
import { goFloat } from '@berth/kube';
import type { JsonSchema } from '../schema/json-schema.ts';
import { failure, SchemaResult } from './schema-result.ts';
import type { Subject } from './subject.ts';

/**
 * Limits of numbers. What does not fit the type is compared as it is, after a complaint; whole values are compared with
 * the whole part of a limit, as upstream does.
 */
export function numberResult(
  schema: JsonSchema,
  subject: Omit<Subject, 'old'> & { readonly value: Integer },
): SchemaResult {
  const { value, path, isFloat = false } = subject;
  const result = new SchemaResult();
  const { multipleOf, maximum, minimum, exclusiveMaximum, exclusiveMinimum } = schema;
  const add = (words: string) => result.add(failure(path, isFloat ? floatText(value) : value, words));
  const bound = (limit: number, prefix: string) => {
    const misfit = misfitOf(schema, limit, prefix, path);
    if (misfit !== undefined) result.add({ kind: 'junctor', name: '', value: '', message: misfit });
    const isWhole = misfit === undefined && isInt64(value) && !isFloat;
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
    else if (!isMultiple(value, factor, isFloat)) add(`should be a multiple of ${shown}`);
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
    const fits = isInt64(value) && (format !== 'int32' || (value >= -(2 ** 31) && value < 2 ** 31));
    return fits ? undefined : about(type, known);
  }
  if (type !== 'number' || format !== 'float') return undefined;
  return Number.isFinite(Math.fround(Number(value))) ? undefined : about(type, true);
}

function isMultiple(value: Integer, factor: number, isFloat: boolean): boolean {
  if (Number.isInteger(factor) && isInt64(value) && !isFloat)
    return typeof value === 'bigint' ? value % BigInt(factor) === 0n : value % factor === 0;
  const near = Number(value);
  return isNearlyWhole(factor < 1 ? (1 / factor) * near : near / factor);
}

/** A float as Go prints it, whole or not. */
export function floatText(value: unknown): unknown {
  return JSON.rawJSON(goFloat(Number(value)));
}

/** Of each other's size, no more apart (go-openapi/swag). */
const epsilon = 1e-9;

/** Large numbers are none, and what is left of one is compared with what was cut off it (swag.IsFloat64AJSONInteger). */
export function isNearlyWhole(value: number): boolean {
  if (!(Math.abs(value) <= Number.MAX_SAFE_INTEGER)) return false;
  const whole = Math.trunc(value);
  if (value === whole) return true;
  return whole !== 0 && Math.abs(value - whole) / (Math.abs(value) + Math.abs(whole)) < epsilon;
}
