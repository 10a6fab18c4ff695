import { type LabelSelector, type PodTemplateSpec, withSentEmpty } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { validatePodTemplate } from '../core/pod/spec.ts';
import { forbidden, inOrder, invalid, notSupported } from '../field.ts';
import { selectorMatches, shownSelector, validateLabelSelector } from '../label-selector.ts';

/** The template's pods are those the selector selects, and the template is a valid one. */
export function selectedTemplate(
  template: PodTemplateSpec,
  selector: LabelSelector | undefined,
  field: string,
  unreadable = 'invalid label selector',
): FieldError[] {
  const labels = template.metadata?.labels;
  const empty = selector !== undefined && Object.keys(selector).length === 0;
  // Nobody knows then what it selects; upstream looks no further.
  if (!isReadable(selector)) return [invalid('spec.selector', shownSelector(selector), unreadable)];
  return [
    ...(empty || selectorMatches(selector, labels) ? [] : [unmatched(template, field)]),
    ...validatePodTemplate(template, field),
  ];
}

/** The template's pods are none of those that the selector selects. */
export function unmatched({ metadata = {} }: PodTemplateSpec, field: string): FieldError {
  const labels = inOrder(withSentEmpty(metadata, 'labels'));
  return invalid(`${field}.metadata.labels`, labels, '`selector` does not match template `labels`');
}

/** Whether a selector selects anything at all (metav1.LabelSelectorAsSelector). */
export function isReadable(selector: LabelSelector | undefined): boolean {
  return validateLabelSelector(selector, '').length === 0;
}

/** Pods of controllers that keep a number of them running restart always and never end by themselves. */
export function templateLimits(template: PodTemplateSpec, kind: string, field: string): FieldError[] {
  const policy = template.spec?.restartPolicy;
  return [
    ...(policy === 'Always' ? [] : [notSupported(`${field}.spec.restartPolicy`, policy ?? '', ['Always'])]),
    ...(template.spec?.activeDeadlineSeconds === undefined
      ? []
      : [forbidden(`${field}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`)]),
  ];
}
