import { qualify } from '../evaluation/qualifier.ts';
import { declare, type FunctionDeclaration } from '../language/declarations.ts';
import { CelError, noSuchOverload } from '../values/cel-error.ts';
import { isList } from '../values/cel-list.ts';
import { isMap } from '../values/cel-map.ts';
import { compare } from '../values/compare.ts';
import { equal } from '../values/equality.ts';
import { sizeOf } from '../values/size.ts';
import { typeOfValue } from '../values/type-of-value.ts';
import type { Result, Value } from '../values/value.ts';

const ordered = [
  'bool',
  'int64',
  'int64_double',
  'int64_uint64',
  'uint64',
  'uint64_double',
  'uint64_int64',
  'double',
  'double_int64',
  'double_uint64',
  'string',
  'bytes',
  'timestamp',
  'duration',
];
const typeName = (id: string) => id.replace('64', '');

function ordering(name: string, id: string, holds: (order: number) => boolean): FunctionDeclaration {
  const overloads = ordered.map((types) => {
    const [left = '', right = left] = types.split('_').map(typeName);
    return [`${id}_${types}`, `(${left}, ${right}): bool`] as const;
  });
  return declare(name, Object.fromEntries(overloads), (a, b) => {
    const order = compare(a as Value, b as Value);
    if (!(order instanceof CelError)) return holds(order);
    return isOrdered(a as Value) ? order : new CelError(`no such overload: ${name}`);
  });
}

/** What has an order at all. */
function isOrdered(value: Value): boolean {
  const { kind } = typeOfValue(value);
  return ordered.includes(kind === 'int' || kind === 'uint' ? `${kind}64` : kind);
}

function isIn(item: Value, container: Value): Result {
  if (isList(container)) {
    for (const element of container) if (equal(item, element)) return true;
    return false;
  }
  if (!isMap(container)) return noSuchOverload;
  const found = container.find(item);
  return found instanceof CelError ? found : found !== undefined;
}

const negation = (value: Value): Result => (typeof value === 'boolean' ? !value : noSuchOverload);
const size = (value: Value): Result => {
  const count = sizeOf(value);
  return count === undefined ? new CelError('no such overload: size') : BigInt(count);
};

/** Logic, comparison, membership, access. */
export const operators: readonly FunctionDeclaration[] = [
  declare('_?_:_', { conditional: '(bool, A, A): A' }),
  declare('_&&_', { logical_and: '(bool, bool): bool' }),
  declare('_||_', { logical_or: '(bool, bool): bool' }),
  declare('!_', { logical_not: '(bool): bool' }, negation),
  declare('@not_strictly_false', { not_strictly_false: '(bool): bool' }),
  declare('_==_', { equals: '(A, A): bool' }, equal),
  declare('_!=_', { not_equals: '(A, A): bool' }, (a, b) => !equal(a as Value, b as Value)),
  ordering('_<_', 'less', (order) => order < 0),
  ordering('_<=_', 'less_equals', (order) => order <= 0),
  ordering('_>_', 'greater', (order) => order > 0),
  ordering('_>=_', 'greater_equals', (order) => order >= 0),
  declare(
    '_[_]',
    { index_list: '(list(A), int): A', index_map: '(map(A, B), A): B' },
    (a, b) => qualify(a, b, false) as Result,
  ),
  declare('@in', { in_list: '(A, list(A)): bool', in_map: '(A, map(A, B)): bool' }, isIn),
  declare(
    'size',
    {
      size_bytes: '(bytes): int',
      bytes_size: 'bytes.(): int',
      size_list: '(list(A)): int',
      list_size: 'list(A).(): int',
      size_map: '(map(A, B)): int',
      map_size: 'map(A, B).(): int',
      size_string: '(string): int',
      string_size: 'string.(): int',
    },
    size,
  ),
];
