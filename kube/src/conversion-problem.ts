import { isNumber } from '@berth/kit';
import { isRecord } from './json-value.ts';
import type { FieldSchema } from './schema.ts';

/**
 * Why Go does not convert a value of a map to a field's type, in the words of its runtime.DefaultUnstructuredConverter.
 * `goType` is the type's name: scalars have theirs in it where Go's language could convert them.
 */
export function conversionProblem(value: unknown, type: FieldSchema['type'] | 'uint8', goType: string): string {
  const kind = goKind(value);
  switch (type) {
    case 'struct':
      return `cannot restore struct from: ${kind}`;
    case 'list':
    case 'bytes':
      return `cannot restore slice from ${kind}`;
    case 'map':
      return `cannot restore map from ${kind}`;
    case 'string':
      return kind === 'int64' ? `cannot convert int64 to ${goType}` : 'unrecognized type: string';
    case 'boolean':
      return 'unrecognized type: bool';
    case 'double':
      return 'unrecognized type: float64';
    default:
      return kind === 'float64' ? `cannot convert float64 to ${goType}` : `unrecognized type: ${type}`;
  }
}

function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'slice';
  if (isRecord(value)) return 'map';
  if (isNumber(value)) return typeof value === 'bigint' || Number.isSafeInteger(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}
