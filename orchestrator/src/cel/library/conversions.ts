import { declare, type FunctionDeclaration } from '../language/declarations.ts';
import { CelError, integerOverflow, timestampOverflow, unsignedOverflow } from '../values/cel-error.ts';
import { type Duration, parseDuration } from '../values/duration.ts';
import { formatDouble } from '../values/format-value.ts';
import { parseTimestamp, type Timestamp, timestampAt } from '../values/timestamp.ts';
import { typeOfValue } from '../values/type-of-value.ts';
import { Uint } from '../values/uint.ts';
import { maxInt, maxUint, minInt, type Result, type Value } from '../values/value.ts';
import { hexadecimalFloat } from './hexadecimal-float.ts';

const same = (value: Value): Result => value;

function unreadable(type: string): CelError {
  return new CelError(`type conversion error from 'string' to '${type}'`);
}

/** No number takes more to write, and reading more would take long. */
const isShort = (text: Value) => (text as string).length <= 1000;

function intOfString(text: Value): Result {
  if (!isShort(text) || !/^[+-]?\d+$/.test(text as string)) return unreadable('int');
  const value = BigInt((text as string).replace(/^\+/, ''));
  return value > maxInt || value < minInt ? unreadable('int') : value;
}

function uintOfString(text: Value): Result {
  if (!isShort(text) || !/^\d+$/.test(text as string)) return unreadable('uint');
  const value = BigInt(text as string);
  return value > maxUint ? unreadable('uint') : new Uint(value);
}

/** Go lets underscores separate digits. */
const decimal = /^[+-]?(\d(?:_?\d)*\.?(?:\d(?:_?\d)*)?|\.\d(?:_?\d)*)([eE][+-]?\d(?:_?\d)*)?$/;

function doubleOfString(text: Value): Result {
  const lower = (text as string).slice(0, 12).toLowerCase();
  const special = /^([+-]?)(inf|infinity)$/.exec(lower);
  if (special) return special[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (lower === 'nan') return Number.NaN;
  if (!isShort(text)) return unreadable('double');
  const value = decimal.test(text as string)
    ? Number((text as string).replaceAll('_', ''))
    : hexadecimalFloat(text as string);
  return Number.isFinite(value) ? (value as number) : unreadable('double');
}

function intOfDouble(value: Value): Result {
  const double = value as number;
  if (!Number.isFinite(double) || double <= -(2 ** 63) || double >= 2 ** 63) return integerOverflow;
  return BigInt(Math.trunc(double));
}

function uintOfDouble(value: Value): Result {
  const double = value as number;
  if (!Number.isFinite(double) || double < 0 || double >= 2 ** 64) return unsignedOverflow;
  return new Uint(BigInt(Math.trunc(double)));
}

const trues = new Set(['1', 't', 'T', 'true', 'TRUE', 'True']);
const falses = new Set(['0', 'f', 'F', 'false', 'FALSE', 'False']);

function boolOfString(text: Value): Result {
  if (trues.has(text as string)) return true;
  return falses.has(text as string) ? false : unreadable('bool');
}

function stringOfBytes(bytes: Value): Result {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes as Uint8Array);
  } catch {
    return new CelError('invalid UTF-8 in bytes, cannot convert to string');
  }
}

function timestampOfString(text: Value): Result {
  return parseTimestamp(text as string) ?? unreadable('google.protobuf.Timestamp');
}

function durationOfString(text: Value): Result {
  return parseDuration(text as string) ?? unreadable('google.protobuf.Duration');
}

/** Between the types. */
export const conversions: readonly FunctionDeclaration[] = [
  declare('type', { type: '(A): type(A)' }, typeOfValue),
  declare('dyn', { to_dyn: '(A): dyn' }, same),
  declare('bool', { bool_to_bool: ['(bool): bool', same], string_to_bool: ['(string): bool', boolOfString] }),
  declare('bytes', {
    bytes_to_bytes: ['(bytes): bytes', same],
    string_to_bytes: ['(string): bytes', (text) => Buffer.from(text as string)],
  }),
  declare('double', {
    double_to_double: ['(double): double', same],
    int64_to_double: ['(int): double', (value) => Number(value)],
    string_to_double: ['(string): double', doubleOfString],
    uint64_to_double: ['(uint): double', (value) => Number((value as Uint).value)],
  }),
  declare('duration', {
    duration_to_duration: ['(duration): duration', same],
    int64_to_duration: [
      '(int): duration',
      () => new CelError("type conversion error from 'int' to 'google.protobuf.Duration'"),
    ],
    string_to_duration: ['(string): duration', durationOfString],
  }),
  declare('int', {
    int64_to_int64: ['(int): int', same],
    double_to_int64: ['(double): int', intOfDouble],
    duration_to_int64: ['(duration): int', (value) => (value as Duration).nanos],
    string_to_int64: ['(string): int', intOfString],
    timestamp_to_int64: ['(timestamp): int', (value) => (value as Timestamp).seconds],
    uint64_to_int64: [
      '(uint): int',
      (value) => ((value as Uint).value > maxInt ? integerOverflow : (value as Uint).value),
    ],
  }),
  declare('string', {
    string_to_string: ['(string): string', same],
    bool_to_string: ['(bool): string', String],
    bytes_to_string: ['(bytes): string', stringOfBytes],
    double_to_string: ['(double): string', (value) => formatDouble(value as number)],
    duration_to_string: ['(duration): string', String],
    int64_to_string: ['(int): string', String],
    timestamp_to_string: ['(timestamp): string', String],
    uint64_to_string: ['(uint): string', (value) => String((value as Uint).value)],
  }),
  declare('timestamp', {
    timestamp_to_timestamp: ['(timestamp): timestamp', same],
    int64_to_timestamp: [
      '(int): timestamp',
      (value) => timestampAt((value as bigint) * 1_000_000_000n) ?? timestampOverflow,
    ],
    string_to_timestamp: ['(string): timestamp', timestampOfString],
  }),
  declare('uint', {
    uint64_to_uint64: ['(uint): uint', same],
    double_to_uint64: ['(double): uint', uintOfDouble],
    int64_to_uint64: [
      '(int): uint',
      (value) => ((value as bigint) < 0n ? unsignedOverflow : new Uint(value as bigint)),
    ],
    string_to_uint64: ['(string): uint', uintOfString],
  }),
];
