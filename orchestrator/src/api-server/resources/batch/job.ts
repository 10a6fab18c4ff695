import type { Container, Job, JobSpec, JobStatus, PodSpec } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { isReadable } from '../apps/template.ts';
import { templateCells } from '../apps/workload-cells.ts';
import { age, humanDuration } from '../columns.ts';
import { defaultPodTemplate } from '../core/pod/defaults.ts';
import { semanticEqual } from '../equality.ts';
import { inOrder, invalid, required } from '../field.ts';
import { shownForm, shownTemplate } from '../internal-form.ts';
import { fixedSelector, selectorMatches, shownSelector } from '../label-selector.ts';
import { immutable } from '../metadata.ts';
import type { KindRules } from '../rules.ts';
import { indexedNameErrors, validateJobSpec, validateSelector } from './job-spec.ts';
import { hasCondition, validateJobStatus } from './job-status.ts';
import { shownFailurePolicy, shownSuccessPolicy } from './shown-policies.ts';

const unlimitedBackoff = 2 ** 31 - 1;

/** Jobs: kubernetes registry/batch/job/strategy.go, apis/batch/validation. */
export const jobRules: KindRules = {
  generation: { initial: true, of: ({ spec }) => spec },
  cells: {
    ...templateCells,
    Status: (object) => jobState(object as Job),
    Completions: ({ spec, status }) => completions(spec ?? {}, status ?? {}),
    Duration: ({ status }, now) => duration(status ?? {}, now),
  },
  rules: {
    default: (object) => defaultJob(object as Job),
    prepareForCreate: (object) => generateSelector(object as Job),
    validate: (object) => {
      const job = object as Job;
      return [...generatedErrors(job), ...specErrors(job), ...indexedNameErrors(job)];
    },
    validateUpdate: (next, old) =>
      // Upstream looks at the whole spec twice.
      [
        ...specErrors(next as Job),
        ...validateUpdate((next as Job).spec as JobSpec, (old as Job).spec as JobSpec, old as Job),
      ],
    validateStatusUpdate: (next, old) => validateJobStatus(next as Job, old as Job),
    selectableFields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
  },
};

function defaultJob({ metadata, spec }: Job): void {
  if (!spec) return;
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : unlimitedBackoff;
  const labels = spec.template?.metadata?.labels;
  if (labels && !metadata.labels) metadata.labels = { ...labels };
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed';
  spec.manualSelector ??= false;
  if (spec.template) defaultPodTemplate(spec.template);
  for (const rule of spec.podFailurePolicy?.rules ?? [])
    for (const pattern of rule.onPodConditions ?? []) pattern.status ||= 'True';
}

/** A job selects its pods by its own uid, unless it says how itself. Labels taken from the template follow it. */
function generateSelector({ metadata, spec }: Job): void {
  if (!spec || spec.manualSelector) return;
  spec.template.metadata ??= {};
  const before = spec.template.metadata.labels;
  const followed = metadata.labels === undefined || semanticEqual(metadata.labels, before);
  const uid = metadata.uid ?? '';
  const name = metadata.name ?? '';
  spec.template.metadata.labels = {
    'job-name': name,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'batch.kubernetes.io/controller-uid': uid,
    ...before,
  };
  if (followed) metadata.labels = { ...spec.template.metadata.labels };
  spec.selector ??= {};
  spec.selector.matchLabels = { 'batch.kubernetes.io/controller-uid': uid, ...spec.selector.matchLabels };
}

function specErrors(job: Job): FieldError[] {
  return [...validateJobSpec(job.spec as JobSpec, 'spec'), ...validateSelector(job)];
}

/** Labels and selector that the server makes stay as it made them (validateGeneratedSelector). */
function generatedErrors({ metadata, spec }: Job): FieldError[] {
  if (!spec?.selector || spec.manualSelector) return [];
  const labels = spec.template?.metadata?.labels ?? {};
  const uid = metadata.uid ?? '';
  const name = metadata.name ?? '';
  const generated: Readonly<Record<string, string>> = {
    'controller-uid': uid,
    'job-name': name,
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': name,
  };
  return [
    ...Object.entries(generated).flatMap(([key, value]) => {
      const field = `spec.template.metadata.labels[${key}]`;
      if (labels[key] === undefined) return [required(field, `must be '${value}'`)];
      return labels[key] === value ? [] : [invalid(field, inOrder(labels), `must be '${value}'`)];
    }),
    ...(!isReadable(spec.selector) || selectorMatches(spec.selector, generated)
      ? []
      : [invalid('spec.selector', shownSelector(spec.selector), '`selector` not auto-generated')]),
  ];
}

function validateUpdate(spec: JobSpec, before: JobSpec, old: Job): FieldError[] {
  const fixed = (name: keyof JobSpec) => immutable(spec[name], before[name], `spec.${name}`);
  return [
    ...completionErrors(spec, before),
    ...fixedSelector(spec.selector, before.selector, 'spec.selector'),
    ...templateErrors(spec, before, old),
    ...fixed('completionMode'),
    ...(semanticEqual(spec.podFailurePolicy, before.podFailurePolicy)
      ? []
      : [invalid('spec.podFailurePolicy', shownFailurePolicy(spec.podFailurePolicy), 'field is immutable')]),
    ...fixed('backoffLimitPerIndex'),
    ...fixed('managedBy'),
    ...(semanticEqual(spec.successPolicy, before.successPolicy)
      ? []
      : [invalid('spec.successPolicy', shownSuccessPolicy(spec.successPolicy), 'field is immutable')]),
  ];
}

/** Only an indexed job can be resized, and then in both numbers. */
function completionErrors(spec: JobSpec, before: JobSpec): FieldError[] {
  const field = 'spec.completions';
  if (spec.completionMode !== 'Indexed') return immutable(spec.completions, before.completions, field);
  if (spec.completions === undefined || spec.completions === before.completions) return [];
  if (spec.completions === spec.parallelism) return [];
  return [invalid(field, spec.completions, 'can only be modified in tandem with spec.parallelism')];
}

/** A suspended job that runs no pods may still change where they will be scheduled and what they ask for. */
function templateErrors({ template }: JobSpec, before: JobSpec, old: Job): FieldError[] {
  const idle = !old.status?.active && (!old.status?.startTime || hasCondition(old, 'Suspended'));
  if (!before.suspend || !idle)
    return semanticEqual(template, before.template)
      ? []
      : [invalid('spec.template', shownTemplate(template), 'field is immutable')];
  const spec = template?.spec ?? { containers: [] };
  const allowed = withAllowedChanges(spec, before.template.spec ?? { containers: [] });
  return semanticEqual(spec, allowed)
    ? []
    : [invalid('spec.template.spec', shownForm('PodSpec', spec), 'field is immutable')];
}

/** The old spec with what may change as it is in the new (validatePodTemplateUpdate, validatePodResourceUpdatesOnly). */
function withAllowedChanges(spec: PodSpec, before: PodSpec): PodSpec {
  const { nodeSelector, tolerations, schedulingGates, affinity } = spec;
  const { nodeSelector: _, tolerations: __, schedulingGates: ___, affinity: oldAffinity, ...others } = before;
  const { nodeAffinity: ____, ...otherAffinity } = oldAffinity ?? {};
  const merged = affinity
    ? { ...otherAffinity, ...(affinity.nodeAffinity ? { nodeAffinity: affinity.nodeAffinity } : {}) }
    : otherAffinity;
  return {
    ...others,
    ...(nodeSelector ? { nodeSelector } : {}),
    ...(tolerations ? { tolerations } : {}),
    ...(schedulingGates ? { schedulingGates } : {}),
    ...(affinity || Object.keys(merged).length > 0 ? { affinity: merged } : {}),
    containers: withResourcesOf(spec.containers ?? [], before.containers ?? []),
    ...(before.initContainers
      ? { initContainers: withResourcesOf(spec.initContainers ?? [], before.initContainers) }
      : {}),
  };
}

function withResourcesOf(next: readonly Container[], old: readonly Container[]): Container[] {
  return old.map((container, index) => {
    const other = next[index];
    if (next.length !== old.length || other?.name !== container.name) return container;
    const { resources: _, ...rest } = container;
    return other.resources ? { ...rest, resources: other.resources } : rest;
  });
}

function jobState(job: Job): string {
  if (hasCondition(job, 'Complete')) return 'Complete';
  if (hasCondition(job, 'Failed')) return 'Failed';
  if (job.metadata.deletionTimestamp) return 'Terminating';
  const later = ['Suspended', 'FailureTarget', 'SuccessCriteriaMet'];
  return later.find((type) => hasCondition(job, type)) ?? 'Running';
}

function completions({ completions: wanted, parallelism = 0 }: Partial<JobSpec>, { succeeded = 0 }: JobStatus): string {
  if (wanted !== undefined) return `${succeeded}/${wanted}`;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function duration({ startTime, completionTime }: JobStatus, now: number): string {
  if (!startTime) return '';
  return completionTime ? humanDuration(Date.parse(completionTime) - Date.parse(startTime)) : age(startTime, now);
}
