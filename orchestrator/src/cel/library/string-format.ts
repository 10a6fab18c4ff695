import { CelType } from '../language/cel-type.ts';
import { CelError } from '../values/cel-error.ts';
import { type CelList, isList } from '../values/cel-list.ts';
import { isMap } from '../values/cel-map.ts';
import { Duration } from '../values/duration.ts';
import { formatDouble } from '../values/format-value.ts';
import { Timestamp } from '../values/timestamp.ts';
import { typeOfValue } from '../values/type-of-value.ts';
import { Uint } from '../values/uint.ts';
import type { Result, Value } from '../values/value.ts';

class FormatError extends Error {}

const clause = /%(?:%|(?:\.(\d+))?([a-zA-Z]?))/g;
const defaultPrecision = 6;
/** cel-go takes no more. */
const maxPrecision = 1000;

/** Costs count the format alone: what is put into it must not take all memory. */
const maxLength = 64 * 1024 * 1024;

/** `'%s is %d'.format([…])` */
export function formatString(text: Value, args: Value): Result {
  const list = args as CelList;
  let next = 0;
  let length = 0;
  try {
    return (text as string).replace(clause, (whole, precision: string | undefined, verb: string | undefined) => {
      if (whole === '%%') return '%';
      if (!verb) throw new FormatError('unexpected end of string');
      if (precision !== undefined && Number(precision) > maxPrecision)
        throw new FormatError(`could not parse formatting clause: precision ${precision} out of range`);
      if (next >= list.size) throw new FormatError(`index ${next} out of range`);
      const part = format(list.at(next++), verb, precision === undefined ? defaultPrecision : Number(precision));
      length += part.length;
      if (length > maxLength) throw new FormatError('operation cancelled: the string would be too long');
      return part;
    });
  } catch (error) {
    if (error instanceof FormatError) return new CelError(error.message);
    throw error;
  }
}

function format(value: Value, verb: string, precision: number): string {
  switch (verb) {
    case 's':
      return asString(value);
    case 'd':
      return asDecimal(value);
    case 'f':
      return fixedPoint(asNumber(value, 'fixed-point'), Math.min(precision, 100));
    case 'e':
      return scientific(asNumber(value, 'scientific'), precision);
    case 'b':
      return inBase(value, 2, 'binary');
    case 'o':
      return inBase(value, 8, 'octal');
    case 'x':
      return hex(value);
    case 'X':
      return hex(value).toUpperCase();
    default:
      throw new FormatError(`could not parse formatting clause: unrecognized formatting clause "${verb}"`);
  }
}

function wrong(words: string, value: Value): FormatError {
  return new FormatError(`error during formatting: ${words}, was given ${typeName(value)}`);
}

function typeName(value: Value): string {
  const type = typeOfValue(value);
  return type.kind === 'list' || type.kind === 'map' || type.kind === 'opaque' ? type.name : type.declaredName;
}

function asString(value: Value): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return formatDouble(value);
  if (value === null) return 'null';
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  if (value instanceof CelType) return value.declaredName;
  if (isList(value)) return `[${Array.from(value, literal).join(', ')}]`;
  if (isMap(value)) {
    const pairs = Array.from(value.keys(), (key) => [literal(key), literal(value.find(key) as Value)] as const);
    pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${pairs.map(([key, item]) => `${key}:${item}`).join(', ')}}`;
  }
  if (typeof value !== 'object' || value instanceof Timestamp || value instanceof Duration) return String(value);
  throw wrong(
    'string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
    value,
  );
}

/** An element as a literal of CEL. */
function literal(value: Value): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value.toFixed(6) : JSON.stringify(formatDouble(value));
  if (value instanceof Uint8Array) return `b${JSON.stringify(new TextDecoder().decode(value))}`;
  if (value instanceof Timestamp) return `timestamp("${value}")`;
  if (value instanceof Duration) return `duration("${value}")`;
  return asString(value);
}

function asDecimal(value: Value): string {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint) return String(value.value);
  throw wrong('decimal clause can only be used on integers', value);
}

function asNumber(value: Value, kind: string): number {
  if (typeof value === 'number') return value;
  if (value === 'NaN') return Number.NaN;
  if (value === 'Infinity' || value === '-Infinity') return Number(value);
  throw wrong(`${kind} clause can only be used on doubles`, value);
}

/** Go's printer for en_US. */
function grouped(text: string): string {
  const [whole = '', fraction] = text.split('.');
  const shown = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  return fraction === undefined ? shown : `${shown}.${fraction}`;
}

/** Halves go to the even digit, as in Go. */
function fixedPoint(value: number, precision: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '-∞';
  const rounded = value.toFixed(precision);
  const exact = value.toFixed(100);
  const cut = exact.indexOf('.') + 1 + precision;
  const isHalf = precision < 100 && /^50*$/.test(exact.slice(cut));
  const kept = exact.slice(0, precision === 0 ? cut - 1 : cut);
  return grouped(isHalf && /[02468]$/.test(kept) ? kept : rounded);
}

function scientific(value: number, precision: number): string {
  if (!Number.isFinite(value)) return (Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '-∞').padStart(6);
  const [mantissa = '', exponent = '0'] = value.toExponential(Math.min(precision, 100)).split('e');
  const power = Number(exponent);
  return `${mantissa}×10${superscript(power)}`;
}

function superscript(power: number): string {
  const digits = '⁰¹²³⁴⁵⁶⁷⁸⁹';
  const shown = [...String(Math.abs(power)).padStart(2, '0')].map((digit) => digits[Number(digit)]).join('');
  return (power < 0 ? '⁻' : '') + shown;
}

function inBase(value: Value, base: number, kind: 'binary' | 'octal'): string {
  if (typeof value === 'bigint') return value.toString(base);
  if (value instanceof Uint) return value.value.toString(base);
  if (kind === 'binary' && typeof value === 'boolean') return value ? '1' : '0';
  throw wrong(
    kind === 'binary'
      ? 'only integers and bools can be formatted as binary'
      : 'octal clause can only be used on integers',
    value,
  );
}

function hex(value: Value): string {
  if (typeof value === 'bigint') return value.toString(16);
  if (value instanceof Uint) return value.value.toString(16);
  if (typeof value === 'string') return Buffer.from(value).toString('hex');
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  throw wrong('only integers, byte buffers, and strings can be formatted as hex', value);
}
