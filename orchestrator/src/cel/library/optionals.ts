import type { Expr } from '../language/ast.ts';
import { declare, type FunctionDeclaration } from '../language/declarations.ts';
import { type Macro, MacroError, type MacroHelper } from '../language/macro.ts';
import { CelError } from '../values/cel-error.ts';
import { ArrayList, type CelList } from '../values/cel-list.ts';
import { Duration } from '../values/duration.ts';
import { formatValue } from '../values/format-value.ts';
import { none, Optional } from '../values/optional.ts';
import { sizeOf } from '../values/size.ts';
import { minSeconds, Timestamp } from '../values/timestamp.ts';
import { Uint } from '../values/uint.ts';
import type { Result, Value } from '../values/value.ts';

function isZero(value: Value): boolean {
  if (value === null || value === false || value === 0n || value === 0) return true;
  if (value instanceof Uint) return value.value === 0n;
  if (value instanceof Duration) return value.nanos === 0n;
  if (value instanceof Timestamp) return value.seconds === minSeconds && value.subNanos === 0n;
  if (value instanceof Optional) return !value.present;
  return sizeOf(value) === 0;
}

function unwrap(list: Value): Result {
  const values: Value[] = [];
  for (const item of list as CelList) {
    if (!(item instanceof Optional)) return new CelError(`value ${formatValue(item)} is not optional`);
    if (item.value !== undefined) values.push(item.value);
  }
  return new ArrayList(values);
}

function end(pick: (list: CelList) => Value): (list: Value) => Result {
  return (list) => ((list as CelList).size === 0 ? none : new Optional(pick(list as CelList)));
}

const contained = (value: Value): Result =>
  (value as Optional).value ?? ((value as Optional).present ? null : new CelError('optional.none() dereference'));

/** Values that may be absent. */
export const optionals: readonly FunctionDeclaration[] = [
  declare('optional.of', { optional_of: ['(V): optional(V)', (value) => new Optional(value)] }),
  declare('optional.ofNonZeroValue', {
    optional_ofNonZeroValue: ['(V): optional(V)', (value) => (isZero(value as Value) ? none : new Optional(value))],
  }),
  declare('optional.none', { optional_none: ['(): optional(V)', () => none] }),
  declare('value', { optional_value: ['optional(V).(): V', contained] }),
  declare('hasValue', { optional_hasValue: ['optional(V).(): bool', (value) => (value as Optional).present] }),
  declare('or', { optional_or_optional: 'optional(V).(optional(V)): optional(V)' }),
  declare('orValue', { optional_orValue_value: 'optional(V).(V): V' }),
  declare('_?._', { select_optional_field: '(dyn, string): optional(V)' }),
  declare('_[?_]', {
    list_optindex_optional_int: '(list(V), int): optional(V)',
    optional_list_optindex_optional_int: '(optional(list(V)), int): optional(V)',
    map_optindex_optional_value: '(map(K, V), K): optional(V)',
    optional_map_optindex_optional_value: '(optional(map(K, V)), K): optional(V)',
  }),
  declare('_[_]', {
    optional_list_index_int: '(optional(list(V)), int): optional(V)',
    optional_map_index_value: '(optional(map(K, V)), K): optional(V)',
  }),
  declare('last', { list_last: ['list(V).(): optional(V)', end((list) => list.at(list.size - 1))] }),
  declare('first', { list_first: ['list(V).(): optional(V)', end((list) => list.at(0))] }),
  declare('optional.unwrap', { optional_unwrap: ['(list(optional(V))): list(V)', unwrap] }),
  declare('unwrapOpt', { optional_unwrapOpt: ['list(optional(V)).(): list(V)', unwrap] }),
];

/** `x.optMap(v, f)`: binds the value to the name where there is one. */
function optionalMap(name: string, wrap: boolean): Macro {
  return (make, { at, target, args }) => {
    const [variable, body] = args as [Expr, Expr];
    if (variable.kind !== 'ident')
      throw new MacroError(`${name}() variable name must be a simple identifier`, variable.at);
    const bound = bind(make, at, { name: variable.name, value: make.member(at, 'value', target as Expr), body });
    const there = wrap ? make.call(at, 'optional.of', bound) : bound;
    const test = make.member(at, 'hasValue', target as Expr);
    return make.call(at, '_?_:_', test, there, make.call(at, 'optional.none'));
  };
}

/** A loop over nothing, whose accumulator is the variable. */
export function bind(
  make: MacroHelper,
  at: number,
  { name, value, body }: { readonly name: string; readonly value: Expr; readonly body: Expr },
): Expr {
  return make.fold(at, {
    range: make.list(at),
    variable: '#unused',
    accumulator: name,
    initial: value,
    condition: make.literal(at, false),
    step: make.ident(at, name),
    result: body,
  });
}

export const optionalMacros: Readonly<Record<string, Macro>> = {
  'optMap:2:true': optionalMap('optMap', true),
  'optFlatMap:2:true': optionalMap('optFlatMap', false),
};
