import { ownMember } from '@berth/kit';
import type { LabelSelector as LabelSelectorObject } from './gen/types.ts';
import { goQuote } from './go-quote.ts';
import { labelKeyErrors, labelValueErrors } from './label-name.ts';
import { parseRequirements } from './label-selector-parser.ts';
import { SelectorError } from './selector-error.ts';

export type LabelOperator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';

/** One condition of a selector; all of them must hold. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  readonly values: readonly string[];
}

export type Labels = Readonly<Record<string, string>> | undefined;

/** Conditions on labels (apimachinery pkg/labels). Immutable. */
export class LabelSelector {
  static readonly everything = new LabelSelector([]);
  static readonly nothing = new LabelSelector(undefined);
  /** Sorted by key; undefined selects nothing. */
  readonly requirements: readonly LabelRequirement[] | undefined;

  private constructor(requirements: readonly LabelRequirement[] | undefined) {
    this.requirements = requirements?.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  }

  /** Reads the query form: `a=b,c in (d,e),!f`. @throws SelectorError */
  static parse(text: string): LabelSelector {
    return new LabelSelector(parseRequirements(text).map(checked));
  }

  /** Labels that must all be there with these values. */
  static fromSet(labels: Labels): LabelSelector {
    return new LabelSelector(
      Object.entries(labels ?? {}).map(([key, value]) => ({ key, operator: '=', values: [value] })),
    );
  }

  /** The object form: absent selects nothing, empty selects everything. @throws SelectorError */
  static fromObject(selector: LabelSelectorObject | undefined | null): LabelSelector {
    if (!selector) return LabelSelector.nothing;
    const requirements: LabelRequirement[] = Object.entries(selector.matchLabels ?? {}).map(([key, value]) =>
      checked({ key, operator: '=', values: [value] }),
    );
    for (const { key, operator, values } of selector.matchExpressions ?? []) {
      const known = objectOperators[operator as keyof typeof objectOperators];
      if (!known) throw new SelectorError(`"${operator}" is not a valid label selector operator`);
      requirements.push(checked({ key, operator: known, values: values ?? [] }));
    }
    return new LabelSelector(requirements);
  }

  static of(requirements: readonly LabelRequirement[]): LabelSelector {
    return new LabelSelector(requirements.map(checked));
  }

  get isEmpty(): boolean {
    return this.requirements?.length === 0;
  }

  matches(labels: Labels): boolean {
    return this.requirements?.every((requirement) => holds(requirement, labels)) ?? false;
  }

  toString(): string {
    return (this.requirements ?? []).map(requirementText).join(',');
  }
}

const objectOperators = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!' } as const;

/** From so many values on looking each up costs more than remembering them. */
const manyValues = 16;
const remembered = new WeakMap<readonly string[], ReadonlySet<string>>();

function isAmong(value: string, values: readonly string[]): boolean {
  if (values.length < manyValues) return values.includes(value);
  let known = remembered.get(values);
  if (!known) {
    known = new Set(values);
    remembered.set(values, known);
  }
  return known.has(value);
}

function holds({ key, operator, values }: LabelRequirement, labels: Labels): boolean {
  const value = ownMember(labels, key);
  if (operator === '!') return value === undefined;
  if (operator === '!=' || operator === 'notin') return value === undefined || !isAmong(value, values);
  if (value === undefined) return false;
  if (operator === 'exists') return true;
  if (operator !== 'gt' && operator !== 'lt') return isAmong(value, values);
  const [have, bound] = [asInt64(value), asInt64(values[0] as string)];
  if (have === undefined || bound === undefined) return false;
  return operator === 'gt' ? have > bound : have < bound;
}

/** As Go's strconv.ParseInt reads it; undefined: it is no whole number, or more than 64 bits hold. */
export function asInt64(text: string): bigint | undefined {
  const [, sign = '', digits = ''] = /^([+-]?)0*(\d+)$/.exec(text) ?? [];
  // More are none, and take their square to be read.
  if (digits === '' || digits.length > 19) return undefined;
  const value = BigInt(sign === '-' ? `-${digits}` : digits);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

function requirementText({ key, operator, values }: LabelRequirement): string {
  const list = values.toSorted().join(',');
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${list})`;
    case 'gt':
      return `${key}>${list}`;
    case 'lt':
      return `${key}<${list}`;
    default:
      return `${key}${operator}${list}`;
  }
}

/** @throws SelectorError – what upstream's NewRequirement refuses. */
function checked(requirement: LabelRequirement): LabelRequirement {
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
