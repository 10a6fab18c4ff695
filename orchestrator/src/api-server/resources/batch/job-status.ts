import type { Job } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { nonNegativeCounts } from '../apps/status-counts.ts';
import { invalid, required } from '../field.ts';

export function hasCondition({ status }: Job, type: string): boolean {
  return status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
}

/** What the job controller may say, so that no reader sees a job finish twice (validateJobStatus). */
export function validateJobStatus(job: Job, old: Job): FieldError[] {
  return [
    ...nonNegativeCounts(job.status ?? {}, ['active', 'succeeded', 'failed', 'ready', 'terminating']),
    ...conditionErrors(job),
    ...timeErrors(job, old),
    ...finishedErrors(job),
    ...regressionErrors(job, old),
  ];
}

function conditionError(text: string): FieldError {
  // Upstream omits the value here.
  return { reason: 'FieldValueInvalid', field: 'status.conditions', message: `Invalid value: ${text}` };
}

/** Pairs of conditions that exclude or need each other. */
function conditionErrors(job: Job): FieldError[] {
  const [complete, failed, failureTarget, criteria] = ['Complete', 'Failed', 'FailureTarget', 'SuccessCriteriaMet'].map(
    (type) => hasCondition(job, type),
  );
  const rules: readonly (readonly [boolean | undefined, string])[] = [
    [complete && failed, 'cannot set Complete=True and Failed=true conditions'],
    [complete && failureTarget, 'cannot set Complete=True and FailureTarget=true conditions'],
    [failed && !failureTarget, 'cannot set Failed=True condition without the FailureTarget=true condition'],
    [complete && !criteria, 'cannot set Complete=True condition without the SuccessCriteriaMet=true condition'],
    [criteria && failed, 'cannot set SuccessCriteriaMet=True and Failed=true conditions'],
    [criteria && failureTarget, 'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions'],
  ];
  return rules.filter(([broken]) => broken).map(([, text]) => conditionError(text));
}

function timeErrors(job: Job, old: Job): FieldError[] {
  const { startTime, completionTime } = job.status ?? {};
  const complete = hasCondition(job, 'Complete');
  const field = 'status.completionTime';
  const before = old.status ?? {};
  return [
    ...(completionTime && !complete
      ? [invalid(field, completionTime, 'cannot set completionTime when there is no Complete=True condition')]
      : []),
    ...(!completionTime && complete ? [required(field, 'completionTime is required for Complete jobs')] : []),
    ...(startTime && completionTime && Date.parse(completionTime) < Date.parse(startTime)
      ? [invalid(field, completionTime, 'must be equal to or after `startTime`')]
      : []),
    ...(completionTime && before.completionTime && completionTime !== before.completionTime
      ? [invalid(field, completionTime, 'field is immutable')]
      : []),
    ...(before.startTime && before.startTime !== startTime && !job.spec?.suspend
      ? [invalid('status.startTime', startTime, 'field is immutable for unsuspended job once set')]
      : []),
  ];
}

function finishedErrors(job: Job): FieldError[] {
  if (!hasCondition(job, 'Complete') && !hasCondition(job, 'Failed')) return [];
  const { active = 0, startTime, terminating = 0, uncountedTerminatedPods: uncounted } = job.status ?? {};
  const left = (uncounted?.failed?.length ?? 0) + (uncounted?.succeeded?.length ?? 0);
  return [
    ...(active > 0 ? [invalid('status.active', active, 'active>0 is invalid for finished job')] : []),
    ...(startTime ? [] : [required('status.startTime', 'startTime is required for finished job')]),
    ...(left > 0 ? [invalid('status.uncountedTerminatedPods', uncounted, 'must be empty for finished job')] : []),
    ...(terminating > 0
      ? [invalid('status.terminating', terminating, 'terminating>0 is invalid for finished job')]
      : []),
  ];
}

function regressionErrors(job: Job, old: Job): FieldError[] {
  const { failed = 0, succeeded = 0 } = job.status ?? {};
  const before = old.status ?? {};
  const lost = ['Failed', 'Complete', 'FailureTarget'].filter(
    (type) => hasCondition(old, type) && !hasCondition(job, type),
  );
  return [
    ...lost.map((type) => conditionError(`cannot disable the terminal ${type}=True condition`)),
    ...(failed < (before.failed ?? 0) ? [invalid('status.failed', failed, 'cannot decrease the failed counter')] : []),
    ...(succeeded < (before.succeeded ?? 0)
      ? [invalid('status.succeeded', succeeded, 'cannot decrease the succeeded counter')]
      : []),
    ...(hasCondition(old, 'SuccessCriteriaMet') && !hasCondition(job, 'SuccessCriteriaMet')
      ? [conditionError('cannot disable the SuccessCriteriaMet=True condition')]
      : []),
  ];
}
