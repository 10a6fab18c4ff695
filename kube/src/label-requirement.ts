import { goQuote } from './go-quote.ts';
import { labelKeyErrors, labelValueErrors } from './label-name.ts';
import { SelectorError } from './selector-error.ts';

export type LabelOperator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';

/** One condition of a selector; all of them must hold. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  readonly values: readonly string[];
}

/** @throws SelectorError – what upstream's NewRequirement refuses. */
export function checkedRequirement(requirement: LabelRequirement): LabelRequirement {
  const { key, operator, values } = requirement;
  const errors: string[] = [];
  const keyErrors = labelKeyErrors(key);
  if (keyErrors.length > 0) errors.push(`key: Invalid value: ${goQuote(key)}: ${keyErrors.join('; ')}`);
  const problem = countProblem(operator, values);
  if (problem) errors.push(`values: Invalid value: ${JSON.stringify(values)}: ${problem}`);
  if (operator === 'gt' || operator === 'lt') {
    for (const [i, value] of values.entries()) {
      if (asInt64(value) !== undefined) continue;
      errors.push(
        `values[${i}]: Invalid value: ${goQuote(value)}: for 'Gt', 'Lt' operators, the value must be an integer`,
      );
    }
  }
  for (const [i, value] of values.entries()) {
    const valueErrors = labelValueErrors(value);
    if (valueErrors.length === 0) continue;
    errors.push(`values[${i}][${key}]: Invalid value: ${goQuote(value)}: ${valueErrors.join('; ')}`);
  }
  if (errors.length === 0) return requirement;
  throw new SelectorError(errors.length === 1 ? (errors[0] as string) : `[${errors.join(', ')}]`);
}

function countProblem(operator: LabelOperator, values: readonly string[]): string | undefined {
  switch (operator) {
    case 'in':
    case 'notin':
      return values.length === 0 ? "for 'in', 'notin' operators, values set can't be empty" : undefined;
    case 'exists':
    case '!':
      return values.length > 0 ? 'values set must be empty for exists and does not exist' : undefined;
    case 'gt':
    case 'lt':
      return values.length === 1 ? undefined : "for 'Gt', 'Lt' operators, exactly one value is required";
    default:
      return values.length === 1 ? undefined : 'exact-match compatibility requires one single value';
  }
}

/** As Go's strconv.ParseInt reads it; undefined: it is no whole number, or more than 64 bits hold. */
export function asInt64(text: string): bigint | undefined {
  const [, sign = '', digits = ''] = /^([+-]?)0*(\d+)$/.exec(text) ?? [];
  // More are none, and take their square to be read.
  if (digits === '' || digits.length > 19) return undefined;
  const value = BigInt(sign === '-' ? `-${digits}` : digits);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}
