import type { Expr } from '../language/ast.ts';
import { declare, type FunctionDeclaration } from '../language/declarations.ts';
import {
  type FoldParts,
  type Macro,
  MacroError,
  type MacroHelper,
  refuseAccumulator,
  variableName,
} from '../language/macro.ts';
import { type Quantifier, quantifiers, standardMacros } from '../language/standard-macros.ts';
import { CelError } from '../values/cel-error.ts';
import { type CelMap, EntryMap, isMap } from '../values/cel-map.ts';
import type { Result, Value } from '../values/value.ts';
import { bind } from './optionals.ts';

const notSimple = 'argument must be a simple name';

function variables(args: readonly Expr[]): readonly [string, string] {
  const first = variableName(args[0], notSimple);
  const second = variableName(args[1], notSimple);
  const at = args[1]?.at;
  if (first === second) throw new MacroError(`duplicate variable name: ${first}`, at);
  refuseAccumulator(first, args[0]?.at ?? -1);
  refuseAccumulator(second, at ?? -1);
  return [first, second];
}

function quantify(quantifier: Quantifier): Macro {
  return (make, { at, target, args }) => {
    const [variable, variable2] = variables(args);
    return make.fold(at, {
      range: target as Expr,
      variable,
      variable2,
      initial: quantifier.initial(make, at),
      condition: quantifier.condition(make, at),
      step: quantifier.step(make, at, args[2] as Expr),
      result: quantifier.result(make, at),
    });
  };
}

interface Transformation {
  readonly initial: (make: MacroHelper, at: number) => Expr;
  readonly step: (
    make: MacroHelper,
    at: number,
    parts: { readonly variable: string; readonly transform: Expr },
  ) => Expr;
}

function transform({ initial, step }: Transformation): Macro {
  return (make, { at, target, args }) => {
    const [variable, variable2] = variables(args);
    const [filter, value] = args.length === 4 ? [args[2], args[3]] : [undefined, args[2]];
    const added = step(make, at, { variable, transform: value as Expr });
    const parts: FoldParts = {
      range: target as Expr,
      variable,
      variable2,
      initial: initial(make, at),
      condition: make.literal(at, true),
      step: filter ? make.call(at, '_?_:_', filter, added, make.accumulator(at)) : added,
      result: make.accumulator(at),
    };
    return make.fold(at, parts);
  };
}

const toList = transform({
  initial: (make, at) => make.list(at),
  step: (make, at, parts) => make.call(at, '_+_', make.accumulator(at), make.list(at, parts.transform)),
});
const toMap = transform({
  initial: (make, at) => make.map(at),
  step: (make, at, parts) =>
    make.call(at, 'cel.@mapInsert', make.accumulator(at), make.ident(at, parts.variable), parts.transform),
});
const toEntries = transform({
  initial: (make, at) => make.map(at),
  step: (make, at, parts) => make.call(at, 'cel.@mapInsert', make.accumulator(at), parts.transform),
});

/** `x.sortBy(e, key)`: sorts by the keys that a loop makes. */
const sortBy: Macro = (make, { at, target, args }) => {
  const name = '@__sortBy_input__';
  const map = standardMacros['map:2:true'] as Macro;
  const keys = map(make, { at, target: make.ident(at, name), args }) as Expr;
  const body = make.member(at, '@sortByAssociatedKeys', make.ident(at, name), keys);
  return bind(make, at, { name, value: target as Expr, body });
};

/** Loops with two variables: index and element, key and value. */
export const comprehensionMacros: Readonly<Record<string, Macro>> = {
  'all:3:true': quantify(quantifiers.all),
  'exists:3:true': quantify(quantifiers.exists),
  'existsOne:3:true': quantify(quantifiers.existsOne),
  'exists_one:3:true': quantify(quantifiers.existsOne),
  'transformList:3:true': toList,
  'transformList:4:true': toList,
  'transformMap:3:true': toMap,
  'transformMap:4:true': toMap,
  'transformMapEntry:3:true': toEntries,
  'transformMapEntry:4:true': toEntries,
  'sortBy:2:true': sortBy,
};

function insert(map: Value, key: Value, value: Value): Result {
  return growable(map as CelMap).with(key, value);
}

function insertAll(map: Value, more: Value): Result {
  let target = growable(map as CelMap);
  if (!isMap(more)) return new CelError('no such overload');
  for (const key of more.keys()) {
    const next = target.with(key, more.find(key) as Value);
    if (next instanceof CelError) return next;
    target = next;
  }
  return target;
}

function growable(map: CelMap): EntryMap {
  if (map instanceof EntryMap) return map;
  return new EntryMap(Array.from(map.keys(), (key) => [key, map.find(key) as Value] as const));
}

export const comprehensions: readonly FunctionDeclaration[] = [
  declare('cel.@mapInsert', {
    '@mapInsert_map_key_value': ['(map(K, V), K, V): map(K, V)', insert],
    '@mapInsert_map_map': ['(map(K, V), map(K, V)): map(K, V)', insertAll],
  }),
];
