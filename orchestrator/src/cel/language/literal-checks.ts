import { regexComplaint } from '../library/regex.ts';
import { parseDuration } from '../values/duration.ts';
import { parseTimestamp, timestampAt } from '../values/timestamp.ts';
import type { Call, Expr, ListLiteral, MapLiteral } from './ast.ts';
import { partsOf } from './ast.ts';
import { type CelType, dynType, isOptionalType } from './cel-type.ts';
import type { Issue } from './source.ts';

/** What is written in an expression and can be checked before it runs (cel-go's validators that Kubernetes uses). */
export function literalIssues(expr: Expr): readonly Issue[] {
  const nodes = collect(expr, false, new Map());
  const calls = [...nodes.keys()].filter((node) => node.kind === 'call');
  const issues: Issue[] = [];
  const check = (name: string, index: number, isValid: (text: string) => boolean) => {
    for (const call of calls) {
      const arg = call.name === name ? operands(call)[index] : undefined;
      if (arg?.kind !== 'literal' || typeof arg.value !== 'string' || isValid(arg.value)) continue;
      issues.push({ at: arg.at, message: `invalid ${name} argument` });
    }
  };
  for (const [node, exempt] of nodes) {
    if (exempt) continue;
    if (node.kind === 'list') issues.push(...listIssues(node));
    else if (node.kind === 'map') issues.push(...mapIssues(node));
  }
  check('duration', 0, (text) => parseDuration(text) !== undefined);
  check('timestamp', 0, (text) => parseTimestamp(text) !== undefined);
  for (const call of calls) {
    const [arg] = call.name === 'timestamp' ? operands(call) : [];
    if (arg?.kind !== 'literal' || typeof arg.value !== 'bigint' || timestampAt(arg.value * 1_000_000_000n)) continue;
    issues.push({ at: arg.at, message: 'invalid timestamp argument' });
  }
  check('matches', 1, (text) => regexComplaint(text) === undefined);
  return issues;
}

function operands({ target, args }: Call): readonly Expr[] {
  return target ? [target, ...args] : args;
}

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
