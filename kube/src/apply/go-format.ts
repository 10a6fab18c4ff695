import { isInteger, isNumber } from '@berth/kit';
import { isRecord } from '../json-value.ts';
import { goValue } from '../patch/patch-error.ts';
import { compareText } from './compare-text.ts';

/** A value as Go's `%v` prints the pointer that holds it: `&{map[a:1]}`. */
export const goHeld = (value: unknown): string => `&{${goValue(value)}}`;

/** The same by `%#v`. */
export const goHeldSyntax = (value: unknown): string => `&value.valueUnstructured{Value:${goSyntax(value)}}`;

function goSyntax(value: unknown): string {
  if (value === null || value === undefined) return 'interface {}(nil)';
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') return goNumber(value);
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`;
  if (!isRecord(value)) return String(value);
  const members = Object.entries(value).sort(([a], [b]) => compareText(a, b));
  return `map[string]interface {}{${members.map(([key, member]) => `${JSON.stringify(key)}:${goSyntax(member)}`).join(', ')}}`;
}

/** The shortest form by `%g`: with an exponent below 1e-04 and from 1e+06 on. */
function goNumber(value: number): string {
  const size = Math.abs(value);
  if (value === 0 || (size >= 1e-4 && size < 1e6)) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}

/** The Go type a JSON value has after decoding (`%T`). */
export function goType(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'boolean') return 'bool';
  if (isNumber(value)) return isInteger(value) ? 'int64' : 'float64';
  return typeof value === 'string' ? 'string' : 'map[string]interface {}';
}
