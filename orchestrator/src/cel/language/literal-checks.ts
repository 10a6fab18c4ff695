import { regexComplaint } from '../library/regex.ts';
import { parseDuration } from '../values/duration.ts';
import { parseTimestamp, timestampAt } from '../values/timestamp.ts';
import type { Value } from '../values/value.ts';
import type { Expr, ListLiteral, MapLiteral } from './ast.ts';
import { partsOf } from './ast.ts';
import { type CelType, dynType, isOptionalType } from './cel-type.ts';
import { formatIssue } from './format-checks.ts';
import type { Issue } from './source.ts';

/** What is written in an expression and can be checked before it runs (cel-go's validators that Kubernetes uses). */
export function literalIssues(expr: Expr): readonly Issue[] {
  const nodes = collect(expr, false, new Map());
  const calls = [...nodes.keys()].filter((node) => node.kind === 'call');
  const issues: Issue[] = [];
  for (const call of calls) {
    const isValid = validators[call.name];
    const [arg] = call.args;
    if (isValid && arg?.kind === 'literal' && !isValid(arg.value))
      issues.push({ at: arg.at, message: `invalid ${call.name} argument` });
    const format = formatIssue(call);
    if (format) issues.push(format);
  }
  for (const [node, exempt] of nodes) {
    if (exempt) continue;
    if (node.kind === 'list') issues.push(...listIssues(node));
    else if (node.kind === 'map') issues.push(...mapIssues(node));
  }
  return issues;
}

/** What may be written as the first argument of these; the text is not the first of `matches(text, pattern)`, but cel-go takes it for the pattern. */
const validators: Readonly<Record<string, (value: Value) => boolean>> = {
  duration: (value) => typeof value === 'string' && parseDuration(value) !== undefined,
  timestamp: (value) =>
    typeof value === 'bigint'
      ? timestampAt(value * 1_000_000_000n) !== undefined
      : typeof value === 'string' && parseTimestamp(value) !== undefined,
  matches: (value) => typeof value !== 'string' || regexComplaint(value) === undefined,
};

/** Every node once, and whether a call of `format` is around it, which takes values of all types. */
function collect(expr: Expr, exempt: boolean, into: Map<Expr, boolean>): Map<Expr, boolean> {
  if (into.has(expr)) return into;
  into.set(expr, exempt);
  const inside = exempt || (expr.kind === 'call' && expr.name === 'format');
  for (const part of partsOf(expr)) collect(part, inside, into);
  return into;
}

function listIssues({ elements, optional }: ListLiteral): readonly Issue[] {
  const types = elements.map((element, i) => typeOf(element, optional.has(i)));
  const odd = types.findIndex((type) => !(types[0] as CelType).is(type));
  return odd < 0 ? [] : [mismatch(elements[odd] as Expr, types[0] as CelType, types[odd] as CelType)];
}

function mapIssues({ entries }: MapLiteral): readonly Issue[] {
  const [first] = entries;
  if (!first) return [];
  const [keys, values] = [typeOf(first.key, false), typeOf(first.value, first.optional)];
  return entries.flatMap(({ key, value, optional }) => {
    const [keyType, valueType] = [typeOf(key, false), typeOf(value, optional)];
    return [
      ...(keys.is(keyType) ? [] : [mismatch(key, keys, keyType)]),
      ...(values.is(valueType) ? [] : [mismatch(value, values, valueType)]),
    ];
  });
}

function typeOf({ type = dynType }: Expr, optional: boolean): CelType {
  return optional && isOptionalType(type) ? type.parameter(0) : type;
}

function mismatch({ at }: Expr, expected: CelType, found: CelType): Issue {
  return { at, message: `expected type '${expected}' but found '${found}'` };
}
