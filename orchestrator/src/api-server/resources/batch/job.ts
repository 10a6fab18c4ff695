import type { Job, JobSpec, JobStatus } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { templateCells } from '../apps/workload-cells.ts';
import { age, humanDuration } from '../columns.ts';
import { defaultPodTemplate } from '../core/pod/defaults.ts';
import { semanticEqual } from '../equality.ts';
import { invalid } from '../field.ts';
import { immutable } from '../metadata.ts';
import type { KindRules } from '../rules.ts';
import { validateJobSpec, validateSelector } from './job-spec.ts';
import { hasCondition, validateJobStatus } from './job-status.ts';

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
      const spec = job.spec as JobSpec;
      return [...validateJobSpec(spec, 'spec'), ...validateSelector(job)];
    },
    validateUpdate: (next, old) =>
      validateUpdate((next as Job).spec as JobSpec, (old as Job).spec as JobSpec, old as Job),
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

function validateUpdate(spec: JobSpec, before: JobSpec, old: Job): FieldError[] {
  const fixed = (name: keyof JobSpec) => immutable(spec[name], before[name], `spec.${name}`);
  return [
    ...completionErrors(spec, before),
    ...fixed('selector'),
    ...templateErrors(spec, before, old),
    ...fixed('completionMode'),
    ...fixed('podFailurePolicy'),
    ...fixed('backoffLimitPerIndex'),
    ...fixed('managedBy'),
    ...fixed('successPolicy'),
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
function templateErrors(spec: JobSpec, before: JobSpec, old: Job): FieldError[] {
  const suspended = before.suspend === true && !old.status?.active;
  const idle = !old.status?.startTime || hasCondition(old, 'Suspended');
  if (!suspended || !idle) return immutable(spec.template, before.template, 'spec.template');
  const fixed = ({ template }: JobSpec) => {
    const { nodeSelector, tolerations, schedulingGates, affinity, containers, initContainers, ...rest } =
      template.spec ?? { containers: [] };
    const { nodeAffinity, ...otherAffinity } = affinity ?? {};
    const strip = (list: typeof containers = []) => list.map(({ resources, ...container }) => container);
    return { rest, otherAffinity, containers: strip(containers), initContainers: strip(initContainers) };
  };
  return semanticEqual(fixed(spec), fixed(before))
    ? []
    : [invalid('spec.template', spec.template, 'field is immutable')];
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
