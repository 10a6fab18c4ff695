import { ownMember } from '@berth/kit';
import type { LabelSelector as LabelSelectorObject } from './gen/types.ts';
import { asInt64, checkedRequirement, type LabelRequirement } from './label-requirement.ts';
import { readRequirements } from './label-selector-parser.ts';
import { SelectorError } from './selector-error.ts';

export type Labels = Readonly<Record<string, string>> | undefined;

/** Conditions on labels (apimachinery pkg/labels). Immutable. */
export class LabelSelector {
  static readonly everything = new LabelSelector([]);
  static readonly nothing = new LabelSelector(undefined);
  readonly #conditions: readonly LabelRequirement[] | undefined;
  #sorted: readonly LabelRequirement[] | undefined;

  private constructor(conditions: readonly LabelRequirement[] | undefined) {
    this.#conditions = conditions;
  }

  /** Reads the query form: `a=b,c in (d,e),!f`. @throws SelectorError */
  static parse(text: string): LabelSelector {
    const steps = LabelSelector.parseInSteps(text);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
    }
  }

  /** The same in steps, of which each says how many conditions and values it has read. @throws SelectorError */
  static *parseInSteps(text: string): Generator<number, LabelSelector, void> {
    return new LabelSelector(yield* readRequirements(text));
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
      checkedRequirement({ key, operator: '=', values: [value] }),
    );
    for (const { key, operator, values } of selector.matchExpressions ?? []) {
      const known = objectOperators[operator as keyof typeof objectOperators];
      if (!known) throw new SelectorError(`"${operator}" is not a valid label selector operator`);
      requirements.push(checkedRequirement({ key, operator: known, values: values ?? [] }));
    }
    return new LabelSelector(requirements);
  }

  static of(requirements: readonly LabelRequirement[]): LabelSelector {
    return new LabelSelector(requirements.map(checkedRequirement));
  }

  /** Sorted by key; undefined selects nothing. */
  get requirements(): readonly LabelRequirement[] | undefined {
    // To select nobody needs them sorted.
    this.#sorted ??= this.#conditions?.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
    return this.#sorted;
  }

  /** How many conditions there are. */
  get size(): number {
    return this.#conditions?.length ?? 0;
  }

  get isEmpty(): boolean {
    return this.#conditions?.length === 0;
  }

  matches(labels: Labels): boolean {
    return this.#conditions?.every((requirement) => holds(requirement, labels)) ?? false;
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
