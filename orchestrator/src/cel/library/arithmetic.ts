import { declare, type FunctionDeclaration, type Implementation } from '../language/declarations.ts';
import {
  CelError,
  divideByZero,
  durationOverflow,
  integerOverflow,
  modulusByZero,
  noSuchOverload,
  timestampOverflow,
  unsignedOverflow,
} from '../values/cel-error.ts';
import { isList, joinLists } from '../values/cel-list.ts';
import { Duration } from '../values/duration.ts';
import { Timestamp, timestampAt } from '../values/timestamp.ts';
import { typeOfValue } from '../values/type-of-value.ts';
import { Uint } from '../values/uint.ts';
import { maxInt, maxUint, minInt, type Result, type Value } from '../values/value.ts';

const int = (value: bigint): Result => (value > maxInt || value < minInt ? integerOverflow : value);
const uint = (value: bigint): Result => (value < 0n || value > maxUint ? unsignedOverflow : new Uint(value));
const span = (nanos: bigint): Result => (nanos > maxInt || nanos < minInt ? durationOverflow : new Duration(nanos));
const between = (nanos: bigint): Result => (nanos > maxInt || nanos < minInt ? integerOverflow : new Duration(nanos));
const moved = ({ nanos, offset }: Timestamp, by: bigint): Result =>
  timestampAt(nanos + by, offset) ?? timestampOverflow;

function add(a: Value, b: Value): Result {
  if (typeof a === 'bigint' && typeof b === 'bigint') return int(a + b);
  if (typeof a === 'string' && typeof b === 'string') return a + b;
  if (isList(a) && isList(b)) return joinLists(a, b);
  if (typeof a === 'number' && typeof b === 'number') return a + b;
  if (a instanceof Uint && b instanceof Uint) return uint(a.value + b.value);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.concat([a, b]);
  if (a instanceof Duration && b instanceof Duration) return span(a.nanos + b.nanos);
  if (a instanceof Timestamp && b instanceof Duration) return moved(a, b.nanos);
  if (a instanceof Duration && b instanceof Timestamp) return moved(b, a.nanos);
  return noSuchOverload;
}

function subtract(a: Value, b: Value): Result {
  if (typeof a === 'bigint' && typeof b === 'bigint') return int(a - b);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (a instanceof Uint && b instanceof Uint) return uint(a.value - b.value);
  if (a instanceof Duration && b instanceof Duration) return span(a.nanos - b.nanos);
  if (a instanceof Timestamp && b instanceof Duration) return moved(a, -b.nanos);
  if (a instanceof Timestamp && b instanceof Timestamp) return between(a.nanos - b.nanos);
  return noSuchOverload;
}

function multiply(a: Value, b: Value): Result {
  if (typeof a === 'bigint' && typeof b === 'bigint') return int(a * b);
  if (typeof a === 'number' && typeof b === 'number') return a * b;
  if (a instanceof Uint && b instanceof Uint) return uint(a.value * b.value);
  return noSuchOverload;
}

function divide(a: Value, b: Value): Result {
  if (typeof a === 'bigint' && typeof b === 'bigint') return b === 0n ? divideByZero : int(a / b);
  if (typeof a === 'number' && typeof b === 'number') return a / b;
  if (a instanceof Uint && b instanceof Uint) return b.value === 0n ? divideByZero : new Uint(a.value / b.value);
  return noSuchOverload;
}

function modulo(a: Value, b: Value): Result {
  if (typeof a === 'bigint' && typeof b === 'bigint') {
    if (b === 0n) return modulusByZero;
    return a === minInt && b === -1n ? integerOverflow : a % b;
  }
  if (a instanceof Uint && b instanceof Uint) return b.value === 0n ? modulusByZero : new Uint(a.value % b.value);
  return noSuchOverload;
}

function negate(a: Value): Result {
  if (typeof a === 'bigint') return int(-a);
  if (typeof a === 'number') return -a;
  return a instanceof Duration ? span(-a.nanos) : noSuchOverload;
}

/** What cel-go sends any call to, whether it answers or not. */
const receivers = ['string', 'timestamp', 'duration'];

/** What is no operand on the left at all is told by the operator. */
function operator(name: string, lefts: string, run: (a: Value, b: Value) => Result): Implementation {
  const known = new Set([...receivers, ...lefts.split(' ')]);
  const none = new CelError(`no such overload: ${name}`);
  return (...args) => {
    const [a, b] = args as [Value, Value];
    const result = run(a, b);
    return result === noSuchOverload && !known.has(typeOfValue(a).kind) ? none : result;
  };
}

/** `+ - * / %` and the signs. */
export const arithmetic: readonly FunctionDeclaration[] = [
  declare(
    '_+_',
    {
      add_bytes: '(bytes, bytes): bytes',
      add_double: '(double, double): double',
      add_duration_duration: '(duration, duration): duration',
      add_duration_timestamp: '(duration, timestamp): timestamp',
      add_timestamp_duration: '(timestamp, duration): timestamp',
      add_int64: '(int, int): int',
      add_list: '(list(A), list(A)): list(A)',
      add_string: '(string, string): string',
      add_uint64: '(uint, uint): uint',
    },
    operator('_+_', 'bytes double int list uint', add),
  ),
  declare(
    '_/_',
    { divide_double: '(double, double): double', divide_int64: '(int, int): int', divide_uint64: '(uint, uint): uint' },
    operator('_/_', 'double int uint', divide),
  ),
  declare(
    '_%_',
    { modulo_int64: '(int, int): int', modulo_uint64: '(uint, uint): uint' },
    operator('_%_', 'int uint', modulo),
  ),
  declare(
    '_*_',
    {
      multiply_double: '(double, double): double',
      multiply_int64: '(int, int): int',
      multiply_uint64: '(uint, uint): uint',
    },
    operator('_*_', 'double int uint', multiply),
  ),
  declare(
    '-_',
    { negate_double: '(double): double', negate_int64: '(int): int' },
    operator('-_', 'double int bool', negate),
  ),
  declare(
    '_-_',
    {
      subtract_double: '(double, double): double',
      subtract_duration_duration: '(duration, duration): duration',
      subtract_int64: '(int, int): int',
      subtract_timestamp_duration: '(timestamp, duration): timestamp',
      subtract_timestamp_timestamp: '(timestamp, timestamp): duration',
      subtract_uint64: '(uint, uint): uint',
    },
    operator('_-_', 'double int uint', subtract),
  ),
];
