import { goFloat, goNumber, goQuote } from '@berth/kube';
import type { ResolvedScalar } from './yaml-scalars.ts';

/** A value as Go prints it by `%#v`, which is how its reader of YAML names keys. */
export function goSyntax(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (typeof value === 'string') return goQuote(value);
  if (Array.isArray(value)) return `[]interface {}{${value.map(inInterface).join(', ')}}`;
  if (typeof value !== 'object') return typeof value === 'number' ? goNumber(value) : String(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[interface {}]interface {}{${entries.map(([key, each]) => `${goQuote(key)}:${inInterface(each)}`).join(', ')}}`;
}

/** A key as Go prints it by `%#v`. */
export function keySyntax({ type, value, exact }: ResolvedScalar): string {
  if (type === 'float') return goFloat(value as number);
  return exact === undefined ? goSyntax(value) : `0x${exact.toString(16)}`;
}

/** A key as the JSON has it: its text. Floats are written as those of 32 bits, as sigs.k8s.io/yaml does. */
export function keyText({ type, value, exact }: ResolvedScalar): string {
  if (type !== 'float') return String(exact ?? value);
  const single = Math.fround(value as number);
  if (Number.isNaN(single)) return '.nan';
  if (!Number.isFinite(single)) return single > 0 ? '.inf' : '-.inf';
  return goFloat(single, 32);
}

function inInterface(value: unknown): string {
  return value === null || value === undefined ? 'interface {}(nil)' : goSyntax(value);
}
