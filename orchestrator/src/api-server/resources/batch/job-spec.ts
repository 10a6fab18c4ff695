import { type Job, type JobSpec, type PodFailurePolicyRule, withSentEmpty } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { isReadable, unmatched } from '../apps/template.ts';
import { validatePodTemplate } from '../core/pod/spec.ts';
import { duplicate, invalid, notSupported, required, tooLong, tooMany } from '../field.ts';
import { selectorMatches, validateLabelSelector } from '../label-selector.ts';
import { nonNegative } from '../metadata.ts';
import { dns1123Label, qualifiedName } from '../names.ts';
import { domainPrefixedPath } from '../paths.ts';
import { successPolicyErrors } from './success-policy.ts';

const largest = 100_000;
const manyCompletions = 100_000;
const fewAtOnce = 10_000;

/** A job's spec, on its own or in a CronJob (validateJobSpec). */
export function validateJobSpec(spec: JobSpec, field: string): FieldError[] {
  const numbers = [
    'parallelism',
    'completions',
    'activeDeadlineSeconds',
    'backoffLimit',
    'ttlSecondsAfterFinished',
    'backoffLimitPerIndex',
    'maxFailedIndexes',
  ] as const;
  return [
    ...numbers.flatMap((name) => nonNegative(spec[name] ?? 0, `${field}.${name}`)),
    ...(spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined
      ? [required(`${field}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified')]
      : []),
    ...managerErrors(spec.managedBy, `${field}.managedBy`),
    ...(spec.completionMode === 'Indexed' ? indexedErrors(spec, field) : unindexedErrors(spec, field)),
    ...failurePolicyErrors(spec, `${field}.podFailurePolicy.rules`),
    ...successPolicyErrors(spec, `${field}.successPolicy`),
    ...replacementErrors(spec, `${field}.podReplacementPolicy`),
    ...validatePodTemplate(spec.template ?? {}, `${field}.template`),
    ...restartErrors(spec, `${field}.template.spec.restartPolicy`),
  ];
}

/** Who runs the job, if not the job controller: `domain/path` (IsDomainPrefixedPath). */
function managerErrors(manager: string | undefined, field: string): FieldError[] {
  if (manager === undefined) return [];
  return [...domainPrefixedPath(manager, field), ...(Buffer.byteLength(manager) > 63 ? [tooLong(field, 63)] : [])];
}

function unindexedErrors(spec: JobSpec, field: string): FieldError[] {
  const mode = spec.completionMode ?? 'NonIndexed';
  if (mode !== 'NonIndexed') return [notSupported(`${field}.completionMode`, mode, ['NonIndexed', 'Indexed'])];
  return [
    ...(['backoffLimitPerIndex', 'maxFailedIndexes'] as const).flatMap((name) =>
      spec[name] === undefined ? [] : [invalid(`${field}.${name}`, spec[name], 'requires indexed completion mode')],
    ),
  ];
}

function indexedErrors(spec: JobSpec, field: string): FieldError[] {
  const { completions, parallelism = 0, maxFailedIndexes: failures, backoffLimitPerIndex } = spec;
  const high = (completions ?? 0) > manyCompletions && backoffLimitPerIndex !== undefined;
  const atMost = (limit: number) => `must be less than or equal to ${limit}`;
  const highText = `${atMost(fewAtOnce)} when completions are above ${manyCompletions} and used with backoff limit per index`;
  return [
    ...(completions === undefined ? [required(`${field}.completions`, 'when completion mode is Indexed')] : []),
    ...(parallelism > largest
      ? [invalid(`${field}.parallelism`, parallelism, `${atMost(largest)} when completion mode is Indexed`)]
      : []),
    ...(failures !== undefined && completions !== undefined && failures > completions
      ? [invalid(`${field}.maxFailedIndexes`, failures, 'must be less than or equal to completions')]
      : []),
    ...(failures !== undefined && failures > largest
      ? [invalid(`${field}.maxFailedIndexes`, failures, atMost(largest))]
      : []),
    ...(high && failures === undefined
      ? [required(`${field}.maxFailedIndexes`, `must be specified when completions is above ${manyCompletions}`)]
      : []),
    ...(high && parallelism > fewAtOnce ? [invalid(`${field}.parallelism`, parallelism, highText)] : []),
    ...(high && failures !== undefined && failures > fewAtOnce
      ? [invalid(`${field}.maxFailedIndexes`, failures, highText)]
      : []),
  ];
}

const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore'];

function failurePolicyErrors(spec: JobSpec, field: string): FieldError[] {
  const rules = spec.podFailurePolicy?.rules ?? [];
  const containers = [...(spec.template?.spec?.containers ?? []), ...(spec.template?.spec?.initContainers ?? [])];
  const names = new Set(containers.map(({ name }) => name));
  return [
    ...(rules.length > 20 ? [tooMany(field, rules.length, 20)] : []),
    ...rules.flatMap((rule, index) => ruleErrors(rule, { spec, names, field: `${field}[${index}]` })),
  ];
}

function ruleErrors(
  rule: PodFailurePolicyRule,
  { spec, names, field }: { spec: JobSpec; names: ReadonlySet<string>; field: string },
): FieldError[] {
  const { action, onExitCodes, onPodConditions = [] } = rule;
  const path = `${field}.action`;
  const bare = (text: string): FieldError => ({
    reason: 'FieldValueInvalid',
    field,
    message: `Invalid value: ${text}`,
  });
  return [
    ...(action ? [] : [required(path, `valid values: ${goList(actions)}`)]),
    ...(action && !actions.includes(action) ? [notSupported(path, action, actions)] : []),
    ...(action === 'FailIndex' && spec.backoffLimitPerIndex === undefined
      ? [invalid(path, action, 'requires the backoffLimitPerIndex to be set')]
      : []),
    ...(onExitCodes ? exitCodeErrors(onExitCodes, `${field}.onExitCodes`, names) : []),
    ...(onPodConditions.length > 20 ? [tooMany(`${field}.onPodConditions`, onPodConditions.length, 20)] : []),
    ...onPodConditions.flatMap(({ type, status }, index) => [
      ...qualifiedName(type).map((text) => invalid(`${field}.onPodConditions[${index}].type`, type, text)),
      ...(['False', 'True', 'Unknown'].includes(status ?? '')
        ? []
        : [notSupported(`${field}.onPodConditions[${index}].status`, status, ['False', 'True', 'Unknown'])]),
    ]),
    ...(onExitCodes && onPodConditions.length > 0
      ? [bare('specifying both OnExitCodes and OnPodConditions is not supported')]
      : []),
    ...(!onExitCodes && onPodConditions.length === 0
      ? [bare('specifying one of OnExitCodes and OnPodConditions is required')]
      : []),
  ];
}

const operators = ['In', 'NotIn'];

/** Texts as Go prints a slice of them. */
function goList(texts: readonly string[]): string {
  return `[${texts.map((text) => JSON.stringify(text)).join(' ')}]`;
}

function exitCodeErrors(
  codes: NonNullable<PodFailurePolicyRule['onExitCodes']>,
  field: string,
  names: ReadonlySet<string>,
): FieldError[] {
  const { operator, containerName, values = [] } = codes;
  const list = `${field}.values`;
  const unknown = 'must be one of the container or initContainer names in the pod template';
  const ordered = values.every((value, index) => index === 0 || (values[index - 1] as number) <= value);
  return [
    ...(operator ? [] : [required(`${field}.operator`, `valid values: ${goList(operators)}`)]),
    ...(operator && !operators.includes(operator) ? [notSupported(`${field}.operator`, operator, operators)] : []),
    ...(containerName !== undefined && !names.has(containerName)
      ? [invalid(`${field}.containerName`, containerName, unknown)]
      : []),
    ...(values.length === 0 ? [invalid(list, withSentEmpty(codes, 'values'), 'at least one value is required')] : []),
    ...(values.length > 255 ? [tooMany(list, values.length, 255)] : []),
    ...values.flatMap((value, index) => [
      ...(operator === 'In' && value === 0
        ? [invalid(`${list}[${index}]`, value, 'must not be 0 for the In operator')]
        : []),
      ...(values.indexOf(value) < index ? [duplicate(`${list}[${index}]`, value)] : []),
    ]),
    ...(ordered ? [] : [invalid(list, values, 'must be ordered')]),
  ];
}

function replacementErrors({ podReplacementPolicy: policy, podFailurePolicy }: JobSpec, field: string): FieldError[] {
  if (policy === undefined) return [];
  const supported = podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed'];
  return supported.includes(policy) ? [] : [notSupported(field, policy, supported)];
}

function restartErrors({ template, podFailurePolicy }: JobSpec, field: string): FieldError[] {
  const policy = template?.spec?.restartPolicy;
  if (!policy || policy === 'Always') return [required(field, 'valid values: "OnFailure", "Never"')];
  if (policy !== 'OnFailure' && policy !== 'Never') return [notSupported(field, policy, ['OnFailure', 'Never'])];
  if (!podFailurePolicy || policy === 'Never') return [];
  return [invalid(field, policy, 'only "Never" is supported when podFailurePolicy is specified')];
}

/** The selector is there and selects the template's pods. */
export function validateSelector({ spec }: Job): FieldError[] {
  const selector = spec?.selector;
  const labels = spec?.template?.metadata?.labels;
  return [
    ...(selector ? validateLabelSelector(selector, 'spec.selector') : [required('spec.selector')]),
    ...(!isReadable(selector) || selectorMatches(selector, labels)
      ? []
      : [unmatched(spec?.template ?? {}, 'spec.template')]),
  ];
}

/** A long name makes no pod of an index invalid. */
export function indexedNameErrors({ metadata, spec }: Job): FieldError[] {
  const { name = '' } = metadata;
  const last = `${name}-${(spec?.completions ?? 0) - 1}`;
  const indexed = spec?.completionMode === 'Indexed' && (spec.completions ?? 0) > 0;
  if (!indexed || dns1123Label(last).length === 0) return [];
  const text = `will not able to create pod with invalid DNS label: ${last}`;
  return [invalid('metadata.name', name, text)];
}
