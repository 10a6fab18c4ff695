import { isInt64, isNumber } from '@berth/kit';
import { goNumber } from '../go-float.ts';
import { goQuote } from '../go-quote.ts';
import { isRecord } from '../json-value.ts';
import { goValue } from '../patch/patch-error.ts';
import { compareText } from './compare-text.ts';

/** A value as Go's `%v` prints the pointer that holds it: `&{map[a:1]}`. */
export const goHeld = (value: unknown): string => `&{${goValue(value)}}`;

/** The same by `%#v`. */
export const goHeldSyntax = (value: unknown): string => `&value.valueUnstructured{Value:${goSyntax(value)}}`;

function goSyntax(value: unknown): string {
  if (value === null || value === undefined) return 'interface {}(nil)';
  if (typeof value === 'string') return goQuote(value);
  if (isNumber(value)) return goNumber(value);
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`;
  if (!isRecord(value)) return String(value);
  const members = Object.entries(value).sort(([a], [b]) => compareText(a, b));
  return `map[string]interface {}{${members.map(([key, member]) => `${goQuote(key)}:${goSyntax(member)}`).join(', ')}}`;
}

/** The Go type a JSON value has after decoding (`%T`). */
export function goType(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'boolean') return 'bool';
  if (isNumber(value)) return isInt64(value) ? 'int64' : 'float64';
  return typeof value === 'string' ? 'string' : 'map[string]interface {}';
}
