import { type FieldRequirement, FieldSelector, type LabelRequirement, Selector } from '@berth/kube';
import type { Attributes } from '../authorizer.ts';

interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: string[];
}

interface SelectorAttributes {
  readonly fieldSelector?: { readonly requirements: readonly Requirement[] };
  readonly labelSelector?: { readonly requirements: readonly Requirement[] };
}

const collectionVerbs = new Set(['list', 'watch', 'deletecollection']);

/** What a collection is limited to, as reviews have it (plugin/pkg/authorizer/webhook); what cannot be read limits nothing. */
export function selectorAttributes({ verb, fieldSelector = [], labelSelector }: Attributes): SelectorAttributes {
  if (!collectionVerbs.has(verb)) return {};
  const fields = fieldSelector.map(fieldRequirement);
  const labels = labelSelector === undefined ? [] : labelRequirements(labelSelector);
  return {
    ...(fields.length > 0 ? { fieldSelector: { requirements: fields } } : {}),
    ...(labels.length > 0 ? { labelSelector: { requirements: labels } } : {}),
  };
}

function fieldRequirement({ field, operator, value }: FieldRequirement): Requirement {
  return { key: field, operator: operator === '=' ? 'In' : 'NotIn', values: [value] };
}

const operators: Readonly<Partial<Record<LabelRequirement['operator'], string>>> = {
  '=': 'In',
  '==': 'In',
  in: 'In',
  '!=': 'NotIn',
  notin: 'NotIn',
  exists: 'Exists',
  '!': 'DoesNotExist',
};

function labelRequirements(text: string): Requirement[] {
  const { requirements = [] } = readable(() => Selector.parse(text)) ?? {};
  return requirements.flatMap(({ key, operator, values }) => {
    const told = operators[operator];
    // Without one that reviews do not know, more is asked for than is meant.
    return told ? [{ key, operator: told, ...(values.length > 0 ? { values: [...values] } : {}) }] : [];
  });
}

interface ReviewedSelector {
  readonly rawSelector?: string;
  readonly requirements?: Requirement[];
}

export interface ReviewedSelectors {
  readonly selectors: Pick<Attributes, 'fieldSelector' | 'labelSelector'>;
  /** What of them cannot be read, and so limits nothing. */
  readonly problems: readonly string[];
}

/** The way back: what a review says that a collection is limited to (kubernetes authorization/util). */
export function reviewedSelectors({
  fieldSelector: fields,
  labelSelector: labels,
}: {
  readonly fieldSelector?: ReviewedSelector;
  readonly labelSelector?: ReviewedSelector;
}): ReviewedSelectors {
  const readFields = (text: string) => FieldSelector.parse(text).requirements;
  const field = fields && partsOf(fields, readFields, reviewedField);
  const label = labels && partsOf(labels, (text) => [Selector.parse(text).toString()], reviewedLabel);
  return {
    selectors: {
      ...(field && field.parts.length > 0 ? { fieldSelector: field.parts } : {}),
      ...(label && label.parts.length > 0 ? { labelSelector: label.parts.join() } : {}),
    },
    problems: [...problemOf('fieldSelector', field), ...problemOf('labelSelector', label)],
  };
}

interface Parts<T> {
  readonly parts: readonly T[];
  readonly areAll: boolean;
}

/** All are asked for at once: without one that cannot be read, more is asked for than is meant. */
function partsOf<T>(
  { rawSelector, requirements = [] }: ReviewedSelector,
  parse: (text: string) => readonly T[],
  read: (requirement: Requirement) => T | undefined,
): Parts<T> {
  if (rawSelector) {
    const parts = readable(() => parse(rawSelector));
    return { parts: parts ?? [], areAll: parts !== undefined };
  }
  const parts = requirements.flatMap((each) => read(each) ?? []);
  return { parts, areAll: parts.length === requirements.length };
}

function problemOf(name: string, known: Parts<unknown> | undefined): string[] {
  if (!known || known.areAll) return [];
  return [`spec.resourceAttributes.${name} ${known.parts.length > 0 ? 'partially ' : ''}ignored due to parse error`];
}

/** Of several values none is left: that is no selector of fields. */
function reviewedField({ key, operator, values = [] }: Requirement): FieldRequirement | undefined {
  const [value, ...more] = values;
  if (value === undefined || more.length > 0 || !/^(Not)?In$/.test(operator)) return undefined;
  return { field: key, operator: operator === 'In' ? '=' : '!=', value };
}

function reviewedLabel(requirement: Requirement): string | undefined {
  return readable(() => Selector.parse(Selector.fromObject({ matchExpressions: [requirement] }).toString()).toString());
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
