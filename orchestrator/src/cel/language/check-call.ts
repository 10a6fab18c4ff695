import { become, type Call, type Expr } from './ast.ts';
import { boolType, type CelType, dynType, errorType, isDyn } from './cel-type.ts';
import { type Checker, qualifiedName } from './checker.ts';
import type { FunctionDeclaration, Overload } from './declarations.ts';
import { TypeSubstitution } from './type-substitution.ts';

/** `a.?b` */
export function checkOptionalSelect(checker: Checker, expr: Call): void {
  const [operand, field] = expr.args as [Expr, Expr];
  if (field.kind !== 'literal' || typeof field.value !== 'string') {
    checker.report(field.at, 'unsupported optional field selection');
    expr.type = errorType;
    return;
  }
  checker.check(field);
  const type = checker.field(expr, operand, { field: field.value, optional: true });
  expr.type = checker.substitution.apply(type, false);
  expr.reference = { overloads: ['select_optional_field'] };
}

/** Finds the overloads that a call may be; a receiver may also be the namespace of a function. */
export function checkCall(checker: Checker, expr: Call): void {
  for (const arg of expr.args) checker.check(arg);
  const { functions } = checker.context;
  if (!expr.target) {
    const name = expr.name.startsWith('.') ? expr.name.slice(1) : expr.name;
    const found = functions.get(name);
    if (!found) return checker.undeclared(expr, expr.name);
    expr.name = name;
    return resolve(checker, expr, found);
  }
  const prefix = qualifiedName(expr.target);
  const namespaced = prefix === undefined ? undefined : functions.get(`${prefix}.${expr.name}`);
  if (namespaced) {
    become(expr, { kind: 'call', name: namespaced.name, target: undefined, args: expr.args });
    return resolve(checker, expr, namespaced);
  }
  checker.check(expr.target);
  const found = functions.get(expr.name);
  if (!found) return checker.undeclared(expr, expr.name);
  resolve(checker, expr, found);
}

function resolve(checker: Checker, expr: Call, { name, overloads }: FunctionDeclaration): void {
  const operands = expr.target ? [expr.target, ...expr.args] : expr.args;
  const types = operands.map((operand) => checker.typeOf(operand));
  if (name === '_&&_' || name === '_||_') return logical(checker, expr, types);
  const fitting: string[] = [];
  let result: CelType | undefined;
  for (const overload of overloads) {
    if (overload.member !== (expr.target !== undefined)) continue;
    const { args, result: declared } = instantiate(checker, overload);
    if (!checker.substitution.assign(types, args)) continue;
    fitting.push(overload.id);
    const type = checker.substitution.apply(declared, false);
    if (!result) result = type;
    else if (!isDyn(result) && !type.is(result)) result = dynType;
  }
  if (!result) {
    const shown = types.map((type) => checker.substitution.apply(type, true));
    checker.report(
      expr.at,
      `found no matching overload for '${name}' applied to '${applied(shown, expr.target !== undefined)}'`,
    );
    expr.type = errorType;
    return;
  }
  expr.type = result;
  expr.reference = { overloads: fitting };
}

function logical(checker: Checker, expr: Call, types: readonly CelType[]): void {
  expr.type = boolType;
  expr.reference = { overloads: [expr.name === '_&&_' ? 'logical_and' : 'logical_or'] };
  types.forEach((type, i) => {
    if (checker.substitution.assign([type], [boolType])) return;
    checker.report((expr.args[i] as Expr).at, `expected type 'bool' but found '${type}'`);
    expr.type = errorType;
  });
}

function instantiate(checker: Checker, overload: Overload): Pick<Overload, 'args' | 'result'> {
  if (overload.parameters.length === 0) return overload;
  const fresh = new TypeSubstitution(new Map(overload.parameters.map((name) => [name, checker.freshParameter()])));
  return {
    args: overload.args.map((arg) => fresh.apply(arg, false)),
    result: fresh.apply(overload.result, false),
  };
}

function applied(types: readonly CelType[], member: boolean): string {
  const [target, ...args] = types;
  return member ? `${target}.(${args.join(', ')})` : `(${types.join(', ')})`;
}
