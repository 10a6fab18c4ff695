import { isUtf8 } from 'node:buffer';
import { goQuote } from '@berth/kube';
import { CelType } from '../language/cel-type.ts';
import { CelError } from '../values/cel-error.ts';
import { type CelList, isList } from '../values/cel-list.ts';
import { isMap } from '../values/cel-map.ts';
import { compareStrings } from '../values/compare.ts';
import { Duration } from '../values/duration.ts';
import { formatDouble } from '../values/format-value.ts';
import { Timestamp } from '../values/timestamp.ts';
import { typeOfValue } from '../values/type-of-value.ts';
import { Uint } from '../values/uint.ts';
import type { Result, Value } from '../values/value.ts';
import { type Clause, FormatError, fillFormat, outOfRange } from './format-clauses.ts';
import { formatComplaint, runtimeName } from './format-complaints.ts';

/** Costs count the format alone: what is put into it must not take all memory. */
const maxLength = 64 * 1024 * 1024;

const defaultPrecision = 6;

/** Go's printers take no more. */
const maxWidth = 1_000_000;

/** JavaScript tells no more behind the point. */
const maxDigits = 100;

/** `'%s is %d'.format([…])` */
export function formatString(text: Value, args: Value): Result {
  const list = args as CelList;
  let length = 0;
  const request = (index: number) => {
    if (index >= list.size) throw outOfRange(index);
  };
  const show = ({ verb, index, precision }: Clause) => {
    const part = format(list.at(index), verb, precision);
    length += part.length;
    if (length > maxLength) throw new FormatError('operation cancelled: the string would be too long');
    return part;
  };
  try {
    return fillFormat(text as string, { count: list.size, request, show });
  } catch (error) {
    if (error instanceof FormatError) return new CelError(error.message);
    throw error;
  }
}

function format(value: Value, verb: string, precision = defaultPrecision): string {
  const shown = shownBy(value, verb, precision);
  if (shown === undefined) throw new FormatError(formatComplaint(verb, typeOfValue(value)));
  return shown;
}

/** Undefined where the verb is not for such a value. */
function shownBy(value: Value, verb: string, precision: number): string | undefined {
  switch (verb) {
    case 's':
      return asString(value);
    case 'd':
      return asDecimal(value);
    case 'f': {
      const number = asNumber(value);
      return number === undefined ? undefined : fixedPoint(number, precision);
    }
    case 'e': {
      const number = asNumber(value);
      return number === undefined ? undefined : scientific(number, precision);
    }
    case 'b':
      return typeof value === 'boolean' ? (value ? '1' : '0') : inBase(value, 2);
    case 'o':
      return inBase(value, 8);
    case 'x':
      return hex(value);
    default:
      return hex(value)?.toUpperCase();
  }
}

function asString(value: Value): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return formatDouble(value);
  if (value === null) return 'null';
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Uint8Array) return textOf(value);
  if (value instanceof CelType) return value.declaredName;
  if (isList(value)) return `[${Array.from(value, literal).join(', ')}]`;
  if (isMap(value)) {
    const pairs = Array.from(value.keys(), (key) => [keyOf(key), literal(value.find(key) as Value)] as const);
    pairs.sort(([a], [b]) => compareStrings(a, b));
    return `{${pairs.map(([key, item]) => `${key}:${item}`).join(', ')}}`;
  }
  if (typeof value !== 'object' || value instanceof Timestamp || value instanceof Duration) return String(value);
  return undefined;
}

function textOf(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  throw new FormatError(
    'error during formatting: could not convert argument "invalid UTF-8 in bytes, cannot convert to string" to string',
  );
}

function keyOf(key: Value): string {
  if (typeof key === 'string' || typeof key === 'boolean' || typeof key === 'bigint' || key instanceof Uint)
    return literal(key);
  const type = runtimeName(typeOfValue(key));
  throw new FormatError(`error during formatting: no formatting function for map key of type ${type}`);
}

/** An element as a literal of CEL. */
function literal(value: Value): string {
  if (typeof value === 'string') return goQuote(value);
  if (typeof value === 'number') return literalNumber(value);
  if (value instanceof Uint8Array) return `b${goQuote(textOf(value))}`;
  if (value instanceof Timestamp) return `timestamp("${value}")`;
  if (value instanceof Duration) return `duration("${value}")`;
  const shown = asString(value);
  if (shown !== undefined) return shown;
  throw new FormatError(`error during formatting: no formatting function for ${runtimeName(typeOfValue(value))}`);
}

function literalNumber(value: number): string {
  if (Number.isFinite(value)) return fixed(value, defaultPrecision);
  return `"${Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'}"`;
}

function asDecimal(value: Value): string | undefined {
  if (typeof value === 'bigint') return String(value);
  return value instanceof Uint ? String(value.value) : undefined;
}

function asNumber(value: Value): number | undefined {
  if (typeof value === 'number') return value;
  if (value === 'NaN') return Number.NaN;
  return value === 'Infinity' || value === '-Infinity' ? Number(value) : undefined;
}

/** Go's printer for en_US, which keeps a precision in eight bits. */
function fixedPoint(value: number, precision: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '-∞';
  const digits = precision & 0xff;
  const [whole = '', fraction] = fixed(value, Math.min(digits, maxDigits)).split('.');
  const shown = whole.replace(/\B(?=(\d{3})+(?!\d))/g, ',');
  return fraction === undefined ? shown : `${shown}.${fraction.padEnd(digits, '0')}`;
}

/** Halves go to the even digit, as in Go. */
function fixed(value: number, precision: number): string {
  if (Math.abs(value) >= 1e21) return BigInt(value) + (precision === 0 ? '' : `.${'0'.repeat(precision)}`);
  const rounded = value.toFixed(precision);
  const exact = value.toFixed(maxDigits);
  const cut = exact.indexOf('.') + 1 + precision;
  const isHalf = precision < maxDigits && /^50*$/.test(exact.slice(cut));
  const kept = exact.slice(0, precision === 0 ? cut - 1 : cut);
  return isHalf && /[02468]$/.test(kept) ? kept : rounded;
}

/** cel-go gives the precision as the width. */
function scientific(value: number, precision: number): string {
  const width = Math.min(precision, maxWidth);
  if (!Number.isFinite(value)) return (Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '-∞').padStart(width);
  const [mantissa = '', exponent = '0'] = value.toExponential(defaultPrecision).split('e');
  const power = Number(exponent);
  return `${mantissa}×10${superscript(power)}`.padStart(width);
}

function superscript(power: number): string {
  const digits = '⁰¹²³⁴⁵⁶⁷⁸⁹';
  const shown = [...String(Math.abs(power)).padStart(2, '0')].map((digit) => digits[Number(digit)]).join('');
  return (power < 0 ? '⁻' : '') + shown;
}

function inBase(value: Value, base: number): string | undefined {
  if (typeof value === 'bigint') return value.toString(base);
  return value instanceof Uint ? value.value.toString(base) : undefined;
}

function hex(value: Value): string | undefined {
  if (typeof value === 'string') return Buffer.from(value).toString('hex');
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : inBase(value, 16);
}
