import { goQuote } from '@berth/kube';
import type { ResolvedScalar } from './yaml-scalars.ts';

/** A value as Go prints it by `%#v`, which is how its reader of YAML names keys. */
export function goSyntax(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (typeof value === 'string') return goQuote(value);
  if (Array.isArray(value)) return `[]interface {}{${value.map(inInterface).join(', ')}}`;
  if (typeof value !== 'object') return typeof value === 'number' ? numberSyntax(value) : String(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[interface {}]interface {}{${entries.map(([key, each]) => `${goQuote(key)}:${inInterface(each)}`).join(', ')}}`;
}

/** A key as Go prints it by `%#v`. */
export function keySyntax({ type, value, exact }: ResolvedScalar): string {
  if (type === 'float') return floatText(value as number, (digits) => Number(digits) === value);
  return exact === undefined ? goSyntax(value) : `0x${exact.toString(16)}`;
}

/** A key as the JSON has it: its text. Floats are written as those of 32 bits, as sigs.k8s.io/yaml does. */
export function keyText({ type, value, exact }: ResolvedScalar): string {
  if (type !== 'float') return String(exact ?? value);
  const single = Math.fround(value as number);
  if (Number.isNaN(single)) return '.nan';
  if (!Number.isFinite(single)) return single > 0 ? '.inf' : '-.inf';
  return floatText(single, (digits) => Math.fround(Number(digits)) === single);
}

function inInterface(value: unknown): string {
  return value === null || value === undefined ? 'interface {}(nil)' : goSyntax(value);
}

function numberSyntax(value: number): string {
  return Number.isInteger(value) ? String(value) : floatText(value, (digits) => Number(digits) === value);
}

/** Go's `%g` with the fewest digits that mean the number. */
function floatText(value: number, means: (digits: string) => boolean): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  let precision = 1;
  while (precision < 17 && !means(value.toPrecision(precision))) precision++;
  const [digits = '', exponent = '0'] = value.toExponential(precision - 1).split('e');
  const power = Number(exponent);
  const unsigned = digits.replace('-', '');
  if (power >= -4 && power < 6) return sign(value) + String(Number(`${unsigned}e${exponent}`));
  return `${sign(value)}${unsigned}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

function sign(value: number): string {
  return value < 0 || Object.is(value, -0) ? '-' : '';
}
