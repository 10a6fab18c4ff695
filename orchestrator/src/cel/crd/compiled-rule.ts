import { findFieldPath } from '../../api-server/custom-resources/schema/field-path.ts';
import type { JsonSchema, ValidationRule } from '../../api-server/custom-resources/schema/json-schema.ts';
import { each, type Steps } from '../../api-server/decoding/in-steps.ts';
import { Environment, type Program } from '../environment.ts';
import { type Expr, partsOf } from '../language/ast.ts';
import { optionalOf } from '../language/cel-type.ts';
import { type DeclType, objectsOf, sizesOf } from './decl-type.ts';

/** A rule that was read; a blank one has neither program nor error. */
export interface CompiledRule {
  readonly rule: ValidationRule;
  readonly program?: Program;
  readonly error?: string;
  readonly usesOldSelf: boolean;
  readonly message?: Program;
  readonly messageError?: string;
  /** Below the rule's own place. */
  readonly fieldPath: string;
  readonly maxCost: bigint;
  readonly maxMessageCost: bigint;
}

/** Compiles the rules of one schema node, whose type is `type` (apiextensions schema/cel/compilation.go). */
export function compilingRules(
  schema: JsonSchema,
  rules: readonly ValidationRule[],
  type: DeclType,
): Steps<CompiledRule[]> {
  const objects = objectsOf(type);
  const plain = lazy(() => new Environment({ variables: { self: type.type, oldSelf: type.type }, objects }));
  const optional = lazy(
    () => new Environment({ variables: { self: type.type, oldSelf: optionalOf(type.type) }, objects }),
  );
  return each(rules, (rule) =>
    compilingRule(schema, rule, { type, environment: rule.optionalOldSelf ? optional() : plain() }),
  );
}

interface RuleContext {
  readonly type: DeclType;
  readonly environment: Environment;
}

function* compilingRule(
  schema: JsonSchema,
  rule: ValidationRule,
  { type, environment }: RuleContext,
): Steps<CompiledRule> {
  const found = rule.fieldPath ? findFieldPath(rule.fieldPath, schema) : undefined;
  const fieldPath = typeof found === 'object' ? found.path : '';
  const nothing = { rule, usesOldSelf: false, fieldPath, maxCost: 0n, maxMessageCost: 0n };
  if (rule.rule.trim() === '') return nothing;
  const compiled = yield* compiling(environment, rule.rule, 'bool');
  if (typeof compiled === 'string') return { ...nothing, error: compiled };
  const usesOldSelf = mentions(compiled.expr, 'oldSelf');
  const maxCost = compiled.estimate(sizesOf(type)).max;
  const base = { ...nothing, program: compiled, usesOldSelf, maxCost };
  if (!rule.messageExpression) return base;
  const message = yield* compiling(environment, rule.messageExpression, 'string');
  if (typeof message === 'string') return { ...base, messageError: message };
  return { ...base, message, maxMessageCost: message.estimate(sizesOf(type)).max };
}

function mentions(expr: Expr, name: string): boolean {
  return expr.reference?.name === name || partsOf(expr).some((part) => mentions(part, name));
}

/** A program, or what is wrong with its text. */
function* compiling(environment: Environment, text: string, wanted: 'bool' | 'string'): Steps<Program | string> {
  const [prefix, ofType] =
    wanted === 'bool'
      ? ['', 'cel expression must evaluate to a bool']
      : ['messageExpression ', 'messageExpression must evaluate to a string'];
  const compilation = yield* environment.compiling(text);
  if (compilation.type === 'invalid') return `${prefix}compilation failed: ${compilation.message}`;
  const { program } = compilation;
  const { kind, isNullable } = program.outputType;
  if (kind !== wanted || isNullable) return ofType;
  const problem = program.planError();
  if (problem === undefined) return program;
  return `${wanted === 'bool' ? 'program' : 'messageExpression'} instantiation failed: ${problem}`;
}

function lazy<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
