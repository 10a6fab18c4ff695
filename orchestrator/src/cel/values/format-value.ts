import { CelType } from '../language/cel-type.ts';
import { isList } from './cel-list.ts';
import { isMap } from './cel-map.ts';
import { Duration } from './duration.ts';
import { Optional } from './optional.ts';
import { Timestamp } from './timestamp.ts';
import { Uint } from './uint.ts';
import type { Value } from './value.ts';

/** A value as Go's `%v` prints it in cel-go's errors. */
export function formatValue(value: Value): string {
  if (value === null) return 'null';
  if (typeof value === 'number') return formatDouble(value);
  if (typeof value !== 'object') return String(value);
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Uint8Array) return `[${value.join(' ')}]`;
  if (value instanceof Timestamp || value instanceof Duration) return value.toString();
  if (value instanceof CelType) return value.name;
  if (isList(value)) return `[${Array.from(value, formatValue).join(', ')}]`;
  if (isMap(value)) {
    const pairs = Array.from(value.keys(), (key) => `${formatValue(key)}: ${formatValue(value.find(key) as Value)}`);
    return `{${pairs.join(', ')}}`;
  }
  if (value instanceof Optional)
    return value.value === undefined ? 'optional.none()' : `optional(${formatValue(value.value)})`;
  return String(value);
}

/** Numbers of more digits before their point are written with an exponent. */
const exponentialFrom = 6;

/** As Go's strconv with format 'g' and the shortest digits. */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (Object.is(value, -0)) return '-0';
  const [mantissa = '', power = '0'] = value.toExponential().split('e');
  const exponent = Number(power);
  if (value !== 0 && (exponent < -4 || exponent >= exponentialFrom))
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  // What JavaScript writes with an exponent begins at 1e-7.
  return String(value);
}
