import type { Expr } from './ast.ts';
import { type Macro, MacroError, type MacroHelper, refuseAccumulator, variableName } from './macro.ts';

/** How a loop goes, whichever variables it has. */
export interface Quantifier {
  readonly initial: (make: MacroHelper, at: number) => Expr;
  readonly condition: (make: MacroHelper, at: number) => Expr;
  readonly step: (make: MacroHelper, at: number, predicate: Expr) => Expr;
  readonly result: (make: MacroHelper, at: number) => Expr;
}

export const quantifiers = {
  all: {
    initial: (make, at) => make.literal(at, true),
    condition: (make, at) => make.call(at, '@not_strictly_false', make.accumulator(at)),
    step: (make, at, predicate) => make.call(at, '_&&_', make.accumulator(at), predicate),
    result: (make, at) => make.accumulator(at),
  },
  exists: {
    initial: (make, at) => make.literal(at, false),
    condition: (make, at) => make.call(at, '@not_strictly_false', make.call(at, '!_', make.accumulator(at))),
    step: (make, at, predicate) => make.call(at, '_||_', make.accumulator(at), predicate),
    result: (make, at) => make.accumulator(at),
  },
  existsOne: {
    initial: (make, at) => make.literal(at, 0n),
    condition: (make, at) => make.literal(at, true),
    step: (make, at, predicate) =>
      make.call(
        at,
        '_?_:_',
        predicate,
        make.call(at, '_+_', make.accumulator(at), make.literal(at, 1n)),
        make.accumulator(at),
      ),
    result: (make, at) => make.call(at, '_==_', make.accumulator(at), make.literal(at, 1n)),
  },
} as const satisfies Record<string, Quantifier>;

const notIdent = 'argument must be a simple name';

function quantify(quantifier: Quantifier): Macro {
  return (make, { at, target, args }) => {
    const variable = variableName(args[0], notIdent);
    refuseAccumulator(variable, args[0]?.at ?? at);
    return make.fold(at, {
      range: target as Expr,
      variable,
      initial: quantifier.initial(make, at),
      condition: quantifier.condition(make, at),
      step: quantifier.step(make, at, args[1] as Expr),
      result: quantifier.result(make, at),
    });
  };
}

const has: Macro = (make, { at, args }) => {
  const [arg] = args;
  if (arg?.kind !== 'select' || arg.testOnly) throw new MacroError('invalid argument to has() macro', arg?.at);
  return make.presence(at, arg.operand, arg.field);
};

const map: Macro = (make, { at, target, args }) => {
  const variable = variableName(args[0], 'argument is not an identifier');
  refuseAccumulator(variable, args[0]?.at ?? at);
  const [filter, transform] = args.length === 3 ? [args[1], args[2]] : [undefined, args[1]];
  return make.fold(at, collect(make, at, { target: target as Expr, variable, filter, transform: transform as Expr }));
};

const filter: Macro = (make, { at, target, args }) => {
  const variable = variableName(args[0], 'argument is not an identifier');
  refuseAccumulator(variable, args[0]?.at ?? at);
  const transform = args[0] as Expr;
  return make.fold(at, collect(make, at, { target: target as Expr, variable, filter: args[1], transform }));
};

interface Collection {
  readonly target: Expr;
  readonly variable: string;
  readonly filter: Expr | undefined;
  readonly transform: Expr;
}

function collect(make: MacroHelper, at: number, { target, variable, filter, transform }: Collection) {
  const initial = make.list(at);
  const condition = make.literal(at, true);
  const added = make.call(at, '_+_', make.accumulator(at), make.list(at, transform));
  const step = filter ? make.call(at, '_?_:_', filter, added, make.accumulator(at)) : added;
  return { range: target, variable, initial, condition, step, result: make.accumulator(at) };
}

/** The language's own macros. */
export const standardMacros: Readonly<Record<string, Macro>> = {
  'has:1:false': has,
  'all:2:true': quantify(quantifiers.all),
  'exists:2:true': quantify(quantifiers.exists),
  'exists_one:2:true': quantify(quantifiers.existsOne),
  'map:2:true': map,
  'map:3:true': map,
  'filter:2:true': filter,
};
