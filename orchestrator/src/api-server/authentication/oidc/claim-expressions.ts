import { unescapeName } from '../../../cel/crd/escape-name.ts';
import { Environment, type Program } from '../../../cel/environment.ts';
import { CostExceeded } from '../../../cel/evaluation/cost-meter.ts';
import { type Expr, partsOf } from '../../../cel/language/ast.ts';
import {
  anyType,
  boolType,
  type CelType,
  listOf,
  mapOf,
  objectType,
  stringType,
} from '../../../cel/language/cel-type.ts';
import { CelError } from '../../../cel/values/cel-error.ts';
import { ArrayList, isList } from '../../../cel/values/cel-list.ts';
import { EntryMap } from '../../../cel/values/cel-map.ts';
import type { Value } from '../../../cel/values/value.ts';
import { ExpressionError } from './expression-error.ts';

type Variable = 'claims' | 'user';

const userType = 'kubernetes.UserInfo';
const userFields: ReadonlyMap<string, CelType> = new Map([
  ['username', stringType],
  ['uid', stringType],
  ['groups', listOf(stringType)],
  ['extra', mapOf(stringType, listOf(stringType))],
]);

const environments: Readonly<Record<Variable, Environment>> = {
  claims: new Environment({ variables: { claims: mapOf(stringType, anyType) } }),
  user: new Environment({
    variables: { user: objectType(userType) },
    objects: [{ name: userType, field: (name) => userFields.get(name) }],
  }),
};

/** An expression about a token's claims, or about whom they make (apiserver authentication/cel). */
export class IdentityExpression {
  readonly text: string;
  readonly #program: Program;
  readonly #variable: Variable;

  /** `truth`: it has to be one. @throws ExpressionError */
  constructor(text: string, variable: Variable, { truth }: { readonly truth: boolean }) {
    const compiled = environments[variable].compile(text);
    if (compiled.type === 'invalid') throw new ExpressionError(`compilation failed: ${compiled.message}`);
    const { program } = compiled;
    if (truth && !program.outputType.is(boolType)) throw new ExpressionError('must evaluate to bool');
    const problem = program.planError();
    if (problem !== undefined) throw new ExpressionError(`program instantiation failed: ${problem}`);
    this.text = text;
    this.#program = program;
    this.#variable = variable;
  }

  /** @throws ExpressionError – it gives neither true nor false. */
  holds(about: object): boolean {
    const value = this.#value(about);
    if (typeof value === 'boolean') return value;
    throw new ExpressionError('validation expression must return a boolean');
  }

  /** `what` it gives. @throws ExpressionError */
  textOf(about: object, what: string): string {
    const value = this.#value(about);
    if (typeof value === 'string') return value;
    throw new ExpressionError(`${what} claim expression must return a string`);
  }

  /** Empty ones are none. @throws ExpressionError – it gives neither a text nor a list of texts. */
  textsOf(about: object): string[] {
    const value = this.#value(about);
    if (value === null) return [];
    return (isList(value) ? [...value] : [value]).flatMap((text) => {
      if (typeof text === 'string') return text === '' ? [] : [text];
      throw new ExpressionError('expression must return a string or a list of strings');
    });
  }

  /** Whether it says `claims.NAME` anywhere. */
  uses(claim: string): boolean {
    return selects(this.#program.expr, claim);
  }

  #value(about: object): Value {
    const result = this.#result(about);
    if (result instanceof CelError)
      throw new ExpressionError(`expression '${this.text}' resulted in error: ${result.message}`);
    return result;
  }

  #result(about: object): Value | CelError {
    try {
      return this.#program.evaluate((name) => (name === this.#variable ? valueAbout(about) : undefined)).result;
    } catch (error) {
      if (error instanceof CostExceeded) return new CelError(error.message);
      throw error;
    }
  }
}

/** One token is looked at by several expressions. */
const values = new WeakMap<object, Value>();

function valueAbout(about: object): Value {
  const known = values.get(about) ?? celValue(about);
  values.set(about, known);
  return known;
}

/** All numbers are floats, as Go reads JSON of no known type. */
function celValue(json: unknown): Value {
  if (typeof json === 'bigint') return Number(json);
  if (typeof json !== 'object' || json === null) return json as Value;
  if (Array.isArray(json)) return new ArrayList(json.map(celValue));
  return new UnescapingMap(Object.entries(json).map(([name, value]) => [name, celValue(value)] as const));
}

/** Of names with points expressions write `__dot__`. */
class UnescapingMap extends EntryMap {
  override find(key: Value): Value | undefined {
    return super.find(typeof key === 'string' ? unescapeName(key) : key);
  }
}

function selects(expr: Expr, claim: string): boolean {
  const isClaims = (part: Expr | undefined) => part?.kind === 'ident' && part.name === 'claims';
  if (expr.kind === 'select' && isClaims(expr.operand) && expr.field === claim) return true;
  if (expr.kind === 'call' && expr.name === '_?._' && isClaims(expr.args[0])) {
    const field = expr.args[1];
    if (field?.kind === 'literal' && field.value === claim) return true;
  }
  return partsOf(expr).some((part) => selects(part, claim));
}
