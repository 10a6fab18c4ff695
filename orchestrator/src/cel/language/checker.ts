import { typeOfValue } from '../values/type-of-value.ts';
import {
  become,
  type Call,
  type Comprehension,
  type Expr,
  type ListLiteral,
  type MapLiteral,
  partsOf,
  type Select,
  type StructLiteral,
} from './ast.ts';
import {
  boolType,
  CelType,
  dynType,
  errorType,
  intType,
  isDyn,
  isDynOrError,
  isOptionalType,
  listOf,
  mapOf,
  optionalOf,
} from './cel-type.ts';
import { checkCall, checkOptionalSelect } from './check-call.ts';
import type { FunctionDeclaration } from './declarations.ts';
import { protobufMessages } from './protobuf-types.ts';
import { meaningOf, Scope } from './scope.ts';
import type { Issue } from './source.ts';
import type { TypeProvider } from './type-provider.ts';
import { mostGeneral, TypeSubstitution } from './type-substitution.ts';

export interface CheckContext {
  readonly variables: ReadonlyMap<string, CelType>;
  readonly types: TypeProvider;
  readonly functions: ReadonlyMap<string, FunctionDeclaration>;
}

/** Gives every node of an expression its type and its reference, in place; says what does not fit. */
export function check(expr: Expr, context: CheckContext): readonly Issue[] {
  const checker = new Checker(context);
  checker.check(expr);
  checker.settle(expr);
  return checker.issues;
}

export class Checker {
  readonly issues: Issue[] = [];
  readonly context: CheckContext;
  readonly substitution = new TypeSubstitution();
  #scope: Scope;
  #free = 0;

  constructor(context: CheckContext) {
    this.context = context;
    this.#scope = new Scope();
    for (const [name, type] of context.variables) this.#scope.declare(name, type);
  }

  report(at: number, message: string): void {
    this.issues.push({ at, message });
  }

  typeOf(expr: Expr): CelType {
    return expr.type ?? errorType;
  }

  freshParameter(): CelType {
    return new CelType('param', `_var${this.#free++}`);
  }

  check(expr: Expr): void {
    switch (expr.kind) {
      case 'literal':
        expr.type = typeOfValue(expr.value);
        return;
      case 'ident':
        return this.#ident(expr);
      case 'select':
        return this.#select(expr);
      case 'call':
        return expr.name === '_?._' ? checkOptionalSelect(this, expr) : checkCall(this, expr as Call);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'struct':
        return this.#struct(expr);
      default:
        return this.#comprehension(expr);
    }
  }

  /** What is still open at the end is `dyn`. */
  settle(expr: Expr): void {
    const seen = new Set<Expr>();
    const pending = [expr];
    for (let node = pending.pop(); node; node = pending.pop()) {
      if (seen.has(node)) continue;
      seen.add(node);
      if (node.type) node.type = this.substitution.apply(node.type, true);
      pending.push(...partsOf(node));
    }
  }

  undeclared(expr: Expr, name: string): void {
    expr.type = errorType;
    this.report(expr.at, `undeclared reference to '${name}' (in container '')`);
  }

  #ident(expr: Expr & { readonly kind: 'ident' }): void {
    const meaning = meaningOf(this.#scope, this.context.types, expr.name);
    if (!meaning) return this.undeclared(expr, expr.name);
    expr.name = meaning.name;
    expr.type = meaning.type;
    expr.reference =
      meaning.value === undefined ? { name: meaning.name } : { name: meaning.name, value: meaning.value };
  }

  #select(expr: Select): void {
    const qualified = qualifiedName(expr);
    const meaning = qualified && meaningOf(this.#scope, this.context.types, qualified);
    if (meaning) {
      const { name, type, value } = meaning;
      become(expr, { kind: 'ident', name, type, reference: value === undefined ? { name } : { name, value } });
      return;
    }
    const type = this.field(expr, expr.operand, { field: expr.field, optional: false });
    expr.type = expr.testOnly ? boolType : this.substitution.apply(type, false);
  }

  /** The type of a field; of optional ones it is optional again. */
  field(
    expr: Expr,
    operand: Expr,
    { field, optional }: { readonly field: string; readonly optional: boolean },
  ): CelType {
    this.check(operand);
    const type = this.substitution.apply(this.typeOf(operand), false);
    const wrapped = isOptionalType(type);
    const target = wrapped ? type.parameter(0) : type;
    const found = this.#fieldOf(expr, target, field);
    return wrapped || optional ? optionalOf(found) : found;
  }

  #fieldOf(expr: Expr, target: CelType, field: string): CelType {
    switch (target.kind) {
      case 'map':
        return target.parameter(1);
      case 'object':
        return this.objectField(expr.at, target.name, field) ?? errorType;
      case 'param':
        this.substitution.assign([dynType], [target]);
        return dynType;
      default:
        if (!isDynOrError(target)) this.report(expr.at, `type '${target}' does not support field selection`);
        return dynType;
    }
  }

  objectField(at: number, name: string, field: string): CelType | undefined {
    const object = this.context.types.object(name);
    if (!object) this.report(at, `unexpected failed resolution of '${name}'`);
    const type = object?.field(field);
    if (object && !type) this.report(at, `undefined field '${field}'`);
    return type;
  }

  #list(expr: ListLiteral): void {
    let joined: CelType | undefined;
    expr.elements.forEach((element, i) => {
      this.check(element);
      const type = expr.optional.has(i) ? this.#unwrapped(element) : this.typeOf(element);
      joined = this.#join(joined, type);
    });
    expr.type = listOf(joined ?? this.freshParameter());
  }

  #map(expr: MapLiteral): void {
    let keys: CelType | undefined;
    let values: CelType | undefined;
    for (const { key, value, optional } of expr.entries) {
      this.check(key);
      keys = this.#join(keys, this.typeOf(key));
      this.check(value);
      values = this.#join(values, optional ? this.#unwrapped(value) : this.typeOf(value));
    }
    expr.type = mapOf(keys ?? this.freshParameter(), values ?? this.freshParameter());
  }

  #unwrapped(element: Expr): CelType {
    const type = this.typeOf(element);
    if (isOptionalType(type)) return type.parameter(0);
    if (!isDyn(type)) this.report(element.at, `expected type '${optionalOf(type)}' but found '${type}'`);
    return type;
  }

  /** Elements of different types make a list of `dyn`; Kubernetes refuses it afterwards. */
  #join(before: CelType | undefined, type: CelType): CelType {
    if (!before) return type;
    return this.substitution.assign([before], [type]) ? mostGeneral(before, type) : dynType;
  }

  #struct(expr: StructLiteral): void {
    const meaning = meaningOf(this.#scope, this.context.types, expr.name);
    if (!meaning) return this.undeclared(expr, expr.name);
    expr.name = meaning.name;
    expr.reference = { name: meaning.name };
    const type = meaning.type.kind === 'type' ? meaning.type.parameter(0) : undefined;
    const isMessage = type !== undefined && (type.kind === 'object' || protobufMessages.has(meaning.name));
    if (!type) this.report(expr.at, `'${meaning.type}' is not a type`);
    else if (!isMessage) this.report(expr.at, `'${meaning.name}' is not a message type`);
    expr.type = isMessage ? type : errorType;
    for (const { field, value, optional, at } of expr.fields) {
      this.check(value);
      const declared = this.objectField(at, meaning.name, field) ?? errorType;
      const given = optional ? this.#unwrapped(value) : this.typeOf(value);
      if (!this.substitution.assign([declared], [given]))
        this.report(at, `expected type of field '${field}' is '${declared}' but provided type is '${given}'`);
    }
  }

  #comprehension(expr: Comprehension): void {
    this.check(expr.range);
    this.check(expr.initial);
    const range = this.substitution.apply(this.typeOf(expr.range), false);
    const accumulator = this.typeOf(expr.initial);
    const outer = this.#scope;
    const around = new Scope(outer).declare(expr.accumulator, accumulator);
    const [first, second] = this.#elementTypes(expr, range);
    const inside = new Scope(around).declare(expr.variable, first);
    if (expr.variable2 !== undefined) inside.declare(expr.variable2, second);
    this.#scope = inside;
    this.check(expr.condition);
    this.#assert(expr.condition, boolType);
    this.check(expr.step);
    this.#assert(expr.step, accumulator);
    this.#scope = around;
    this.check(expr.result);
    this.#scope = outer;
    expr.type = this.substitution.apply(this.typeOf(expr.result), false);
  }

  #elementTypes(expr: Comprehension, range: CelType): readonly [CelType, CelType] {
    const two = expr.variable2 !== undefined;
    if (range.kind === 'list') return two ? [intType, range.parameter(0)] : [range.parameter(0), dynType];
    if (range.kind === 'map') return [range.parameter(0), range.parameter(1)];
    if (range.kind === 'param' || isDynOrError(range)) {
      this.substitution.assign([dynType], [range]);
      return [dynType, dynType];
    }
    this.report(
      expr.range.at,
      `expression of type '${range}' cannot be range of a comprehension (must be list, map, or dynamic)`,
    );
    return [errorType, errorType];
  }

  #assert(expr: Expr, type: CelType): void {
    if (this.substitution.assign([type], [this.typeOf(expr)])) return;
    this.report(expr.at, `expected type '${type}' but found '${this.typeOf(expr)}'`);
  }
}

/** `a.b.c` where it is made of names alone. */
export function qualifiedName(expr: Expr): string | undefined {
  if (expr.kind === 'ident') return expr.name;
  if (expr.kind !== 'select' || expr.testOnly) return undefined;
  const prefix = qualifiedName(expr.operand);
  return prefix === undefined ? undefined : `${prefix}.${expr.field}`;
}
