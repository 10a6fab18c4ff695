import { isNumber } from '@berth/kit';
import { goNumber, goQuote, isRecord, keepJsonNotes } from '@berth/kube';
import type { FieldError } from '../resource-definition.ts';

/** The parts of apimachinery's `field` package that rules speak in: one constructor per kind of error, upstream's words. */

export function required(field: string, detail = ''): FieldError {
  return { reason: 'FieldValueRequired', field, message: withDetail('Required value', detail) };
}

export function invalid(field: string, value: unknown, detail: string): FieldError {
  return { reason: 'FieldValueInvalid', field, message: withDetail(`Invalid value: ${printed(value)}`, detail) };
}

export function typeInvalid(field: string, value: unknown, detail: string): FieldError {
  return { reason: 'FieldValueTypeInvalid', field, message: withDetail(`Invalid value: ${printed(value)}`, detail) };
}

export function forbidden(field: string, detail: string): FieldError {
  return { reason: 'FieldValueForbidden', field, message: withDetail('Forbidden', detail) };
}

export function duplicate(field: string, value: unknown, detail = ''): FieldError {
  return { reason: 'FieldValueDuplicate', field, message: withDetail(`Duplicate value: ${printed(value)}`, detail) };
}

export function notFound(field: string, value: unknown, detail = ''): FieldError {
  return { reason: 'FieldValueNotFound', field, message: withDetail(`Not found: ${printed(value)}`, detail) };
}

/** Of a value whose type is its own, as that of most enums is: Go shows it as JSON. */
export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  return unsupported(field, typeof value === 'string' ? goJson(value) : printed(value), supported);
}

/** Of a value that is a plain string, or may be anything. */
export function notSupportedPlain(field: string, value: unknown, supported: readonly string[]): FieldError {
  return unsupported(field, printed(value), supported);
}

function unsupported(field: string, shown: string, supported: readonly string[]): FieldError {
  const detail = supported.length > 0 ? `supported values: ${supported.map(goQuote).join(', ')}` : '';
  return { reason: 'FieldValueNotSupported', field, message: withDetail(`Unsupported value: ${shown}`, detail) };
}

export function tooLong(field: string, maxBytes: number): FieldError {
  return { reason: 'FieldValueTooLong', field, message: `Too long: may not be more than ${maxBytes} bytes` };
}

export function tooMany(field: string, count: number, max: number): FieldError {
  return {
    reason: 'FieldValueTooMany',
    field,
    message: `Too many: ${count}: must have at most ${max} ${max === 1 ? 'item' : 'items'}`,
  };
}

export function internalError(field: string, detail: string): FieldError {
  return { reason: 'InternalError', field, message: `Internal error: ${detail}` };
}

/** `a`, `b` → `a.b`; the empty parent is the root. */
export function child(parent: string, name: string): string {
  return parent === '' ? name : `${parent}.${name}`;
}

function withDetail(text: string, detail: string): string {
  return detail === '' ? text : `${text}: ${detail}`;
}

/** Strings as Go quotes them, numbers as it prints them, all else as its JSON. */
function printed(value: unknown): string {
  if (isNumber(value)) return goNumber(value);
  return typeof value === 'string' ? goQuote(value) : goJson(value ?? null);
}

/** A map with its keys in the order in which Go shows them. */
export function inOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** As Go marshals maps in maps. */
export function allInOrder(value: unknown): unknown {
  if (Array.isArray(value)) return keepJsonNotes(value, value.map(allInOrder));
  return isRecord(value) ? mapInOrder(value, (each) => allInOrder(each)) : value;
}

/** The same of one map, and `change` of what is in it. */
export function mapInOrder(value: Record<string, unknown>, change: (each: unknown, name: string) => unknown): unknown {
  const changed = Object.entries(value).map(([name, each]) => [name, change(each, name)]);
  return keepJsonNotes(value, inOrder(Object.fromEntries(changed)) as object);
}

/** JSON as Go marshals it: `<`, `>`, `&` and the line ends of Unicode escaped. */
export function goJson(value: unknown, replacer?: (this: object, key: string, value: unknown) => unknown): string {
  const escaped = (sign: string) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value, replacer).replace(/[<>&\u2028\u2029]/g, escaped);
}
