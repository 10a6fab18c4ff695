import {
  boolType,
  bytesType,
  CelType,
  doubleType,
  durationType,
  dynType,
  intType,
  listOf,
  mapOf,
  nullType,
  optionalOf,
  stringType,
  timestampType,
  typeType,
  uintType,
} from '../language/cel-type.ts';
import { isList } from './cel-list.ts';
import { isMap } from './cel-map.ts';
import { Duration } from './duration.ts';
import type { Opaque } from './opaque.ts';
import { Optional } from './optional.ts';
import { Timestamp } from './timestamp.ts';
import { Uint } from './uint.ts';
import type { Value } from './value.ts';

const anyList = listOf(dynType);
const anyMap = mapOf(dynType, dynType);
const anyOptional = optionalOf(dynType);

/** The type that a value has by itself: what its lists and maps hold is not looked at. */
export function typeOfValue(value: Value): CelType {
  switch (typeof value) {
    case 'boolean':
      return boolType;
    case 'bigint':
      return intType;
    case 'number':
      return doubleType;
    case 'string':
      return stringType;
    default:
      return value === null ? nullType : typeOfObject(value);
  }
}

function typeOfObject(value: Exclude<Value, null | boolean | bigint | number | string>): CelType {
  if (value instanceof Uint8Array) return bytesType;
  if (value instanceof Uint) return uintType;
  if (value instanceof Timestamp) return timestampType;
  if (value instanceof Duration) return durationType;
  if (value instanceof Optional) return anyOptional;
  if (value instanceof CelType) return typeType;
  if (isList(value)) return anyList;
  if (isMap(value)) return value.objectType ?? anyMap;
  return (value as Opaque).opaque;
}

export function isOpaque(value: unknown): value is Opaque {
  return typeof value === 'object' && value !== null && 'opaque' in value;
}
