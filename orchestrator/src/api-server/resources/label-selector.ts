import { ownMember } from '@berth/kit';
import { compareText, type LabelSelector, type LabelSelectorRequirement } from '@berth/kube';
import type { FieldError } from '../resource-definition.ts';
import { semanticEqual } from './equality.ts';
import { child, forbidden, inOrder, invalid, required } from './field.ts';
import { labelValue, qualifiedName } from './names.ts';

export function validateLabelName(name: string, field: string): FieldError[] {
  return qualifiedName(name).map((text) => invalid(field, name, text));
}

export function validateLabels(labels: Readonly<Record<string, string>> = {}, field: string): FieldError[] {
  return Object.entries(labels).flatMap(([key, value]) => [
    ...validateLabelName(key, field),
    ...labelValue(value).map((text) => invalid(field, value, text)),
  ]);
}

/** A selector as Go shows it: fields in the order of its type, labels in order. */
export function shownSelector(selector: LabelSelector | undefined): object | undefined {
  if (!selector) return undefined;
  const { matchLabels, matchExpressions } = selector;
  const shown = matchExpressions?.map(({ key = '', operator, values }) => ({
    key,
    operator,
    ...(values?.length ? { values } : {}),
  }));
  return {
    ...(matchLabels && Object.keys(matchLabels).length > 0 ? { matchLabels: inOrder(matchLabels) } : {}),
    ...(shown?.length ? { matchExpressions: shown } : {}),
  };
}

/** The selector that was there at creation is the one to stay. */
export function fixedSelector(
  next: LabelSelector | undefined,
  old: LabelSelector | undefined,
  field: string,
): FieldError[] {
  return semanticEqual(next, old) ? [] : [invalid(field, shownSelector(next), 'field is immutable')];
}

/** Keys, operators and values of a selector (apimachinery ValidateLabelSelector). */
export function validateLabelSelector(selector: LabelSelector | undefined, field: string): FieldError[] {
  if (!selector) return [];
  return [
    ...validateLabels(selector.matchLabels, child(field, 'matchLabels')),
    ...(selector.matchExpressions ?? []).flatMap((requirement, index) =>
      validateRequirement(requirement, `${child(field, 'matchExpressions')}[${index}]`),
    ),
  ];
}

function validateRequirement({ key, operator, values = [] }: LabelSelectorRequirement, field: string): FieldError[] {
  return [
    ...operatorErrors(operator, values, field),
    ...validateLabelName(key ?? '', `${field}.key`),
    ...values.flatMap((value, index) =>
      labelValue(value).map((text) => invalid(`${field}.values[${index}]`, value, text)),
    ),
  ];
}

function operatorErrors(operator: string, values: readonly string[], field: string): FieldError[] {
  if (operator === 'In' || operator === 'NotIn')
    return values.length > 0
      ? []
      : [required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'")];
  if (operator === 'Exists' || operator === 'DoesNotExist')
    return values.length === 0
      ? []
      : [forbidden(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
  return [invalid(`${field}.operator`, operator, 'not a valid selector operator')];
}

/** Whether labels fulfil a selector: an absent one matches nothing, an empty one everything (metav1.LabelSelectorAsSelector). */
export function selectorMatches(
  selector: LabelSelector | undefined,
  labels: Readonly<Record<string, string>> = {},
): boolean {
  if (!selector) return false;
  return (
    Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels[key] === value) &&
    (selector.matchExpressions ?? []).every((requirement) => requirementMatches(requirement, labels))
  );
}

function requirementMatches(
  { key, operator, values = [] }: LabelSelectorRequirement,
  labels: Readonly<Record<string, string>>,
): boolean {
  const value = ownMember(labels, key);
  if (operator === 'In') return value !== undefined && values.includes(value);
  if (operator === 'NotIn') return value === undefined || !values.includes(value);
  return operator === 'Exists' ? value !== undefined : value === undefined;
}

/** `a=b,c in (d,e),!f`: a selector in its text form (metav1.FormatLabelSelector). */
export function formatSelector(selector: LabelSelector | undefined): string {
  const equal = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => [key, `${key}=${value}`] as const);
  const others = (selector?.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    const list = `(${[...values].sort().join(',')})`;
    if (operator === 'In') return [key, `${key} in ${list}`] as const;
    if (operator === 'NotIn') return [key, `${key} notin ${list}`] as const;
    return [key, operator === 'Exists' ? key : `!${key}`] as const;
  });
  const texts = [...equal, ...others].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, text]) => text);
  return texts.length === 0 ? '<none>' : texts.join(',');
}

/** As Go prints a selector (apimachinery generated LabelSelector.String). */
export function goSelectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector = {}): string {
  const labels = Object.entries(matchLabels)
    .toSorted(([a], [b]) => compareText(a, b))
    .map(([key, value]) => `${key}: ${value},`);
  const expressions = matchExpressions.map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`;
}
