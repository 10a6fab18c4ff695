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

/** The way back: what a review says that a collection is limited to (kubernetes authorization/util). */
export function reviewedSelectors({
  fieldSelector: fields,
  labelSelector: labels,
}: {
  readonly fieldSelector?: ReviewedSelector;
  readonly labelSelector?: ReviewedSelector;
}): Pick<Attributes, 'fieldSelector' | 'labelSelector'> {
  const raw = fields?.rawSelector;
  const fieldSelector = raw
    ? readable(() => FieldSelector.parse(raw).requirements)
    : fields?.requirements?.flatMap(reviewedField);
  const labelSelector =
    labels?.rawSelector ||
    readable(() => Selector.fromObject({ matchExpressions: labels?.requirements ?? [] }).toString());
  return { ...(fieldSelector ? { fieldSelector } : {}), ...(labelSelector ? { labelSelector } : {}) };
}

/** Of several values none is left: that is no selector of fields. */
function reviewedField({ key, operator, values = [] }: Requirement): FieldRequirement[] {
  const [value, ...more] = values;
  if (value === undefined || more.length > 0 || !/^(Not)?In$/.test(operator)) return [];
  return [{ field: key, operator: operator === 'In' ? '=' : '!=', value }];
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
