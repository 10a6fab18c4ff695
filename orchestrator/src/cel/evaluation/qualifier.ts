import { CelError } from '../values/cel-error.ts';
import { type CelList, isList } from '../values/cel-list.ts';
import { isMap } from '../values/cel-map.ts';
import { formatValue } from '../values/format-value.ts';
import { typeOfValue } from '../values/type-of-value.ts';
import { Uint } from '../values/uint.ts';
import { maxInt, type Result, type Value } from '../values/value.ts';

/** `object[key]` or `object.key`; undefined where it is not there and `presence` asks only for that. */
export function qualify(object: Value, key: Value, presence: boolean): Result | undefined {
  if (isMap(object)) {
    const found = object.find(key);
    if (found !== undefined || presence) return found;
    return noSuchKey(key);
  }
  if (isList(object)) return element(object, key, presence);
  return presence ? undefined : noSuchKey(key);
}

function noSuchKey(key: Value): CelError {
  return new CelError(`no such key: ${formatValue(key)}`);
}

function element(list: CelList, key: Value, presence: boolean): Result | undefined {
  const index = indexOf(key);
  if (index instanceof CelError) return index;
  if (index >= 0 && index < list.size) return list.at(index);
  return presence ? undefined : new CelError(`index out of bounds: ${formatValue(key)}`);
}

/** What a list takes as an index. */
export function indexOf(key: Value): number | CelError {
  if (typeof key === 'bigint') return Number(key);
  const unsupported = () => new CelError(`unsupported index value ${formatValue(key)} in list`);
  if (key instanceof Uint) return key.value > maxInt ? unsupported() : Number(key.value);
  if (typeof key === 'number') return Number.isInteger(key) && Math.abs(key) < 2 ** 63 ? key : unsupported();
  if (key === null) return new CelError('invalid qualifier type: <nil>');
  return new CelError(`unsupported index type '${typeOfValue(key).name}' in list`);
}
