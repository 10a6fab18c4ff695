import type { Job, JobStatus } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { nonNegativeCounts } from '../apps/status-counts.ts';
import { semanticEqual } from '../equality.ts';
import { duplicate, invalid, required } from '../field.ts';
import { findOverlap, parseIndexes } from './job-indexes.ts';

export function hasCondition({ status }: Job, type: string): boolean {
  return status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
}

/** What an update changes: a broken rule about anything else does not stop it (getStatusValidationOptions). */
class Change {
  readonly job: Job;
  readonly old: Job;

  constructor(job: Job, old: Job) {
    this.job = job;
    this.old = old;
  }

  /** Whether one of the conditions became true or is no longer. */
  flips(...types: readonly string[]): boolean {
    return types.some((type) => hasCondition(this.job, type) !== hasCondition(this.old, type));
  }

  of(...names: readonly (keyof JobStatus)[]): boolean {
    return names.some((name) => !semanticEqual(this.job.status?.[name], this.old.status?.[name]));
  }

  get finishes(): boolean {
    return isFinished(this.job) !== isFinished(this.old);
  }
}

function isFinished(job: Job): boolean {
  return hasCondition(job, 'Complete') || hasCondition(job, 'Failed');
}

/** What the job controller may say, so that no reader sees a job finish twice (validateJobStatus). */
export function validateJobStatus(job: Job, old: Job): FieldError[] {
  const change = new Change(job, old);
  return [
    ...nonNegativeCounts(job.status ?? {}, ['active', 'succeeded', 'failed', 'ready', 'terminating']),
    ...uncountedErrors(job.status ?? {}),
    ...exclusionErrors(change),
    ...timeErrors(change),
    ...needErrors(change),
    ...finishedErrors(change),
    ...indexErrors(change),
    ...podErrors(change),
    ...criteriaErrors(job),
    ...regressionErrors(change),
  ];
}

function uncountedErrors({ uncountedTerminatedPods: uncounted }: JobStatus): FieldError[] {
  const seen = new Set<string>();
  return (['succeeded', 'failed'] as const).flatMap((list) =>
    (uncounted?.[list] ?? []).flatMap((uid, index) => {
      const field = `status.uncountedTerminatedPods.${list}[${index}]`;
      if (uid === '') return [invalid(field, uid, 'must not be empty')];
      if (seen.has(uid)) return [duplicate(field, uid)];
      seen.add(uid);
      return [];
    }),
  );
}

function conditionError(text: string): FieldError {
  // Upstream omits the value here.
  return { reason: 'FieldValueInvalid', field: 'status.conditions', message: `Invalid value: ${text}` };
}

/** The texts of the rules that are broken. */
function broken(rules: readonly (readonly [boolean, string])[]): FieldError[] {
  return rules.filter(([isBroken]) => isBroken).map(([, text]) => conditionError(text));
}

function exclusionErrors(change: Change): FieldError[] {
  const [complete, failed, target] = ['Complete', 'Failed', 'FailureTarget'].map((type) =>
    hasCondition(change.job, type),
  ) as [boolean, boolean, boolean];
  return broken([
    [change.flips('Complete', 'Failed') && complete && failed, 'cannot set Complete=True and Failed=true conditions'],
    [
      change.flips('Complete', 'FailureTarget') && complete && target,
      'cannot set Complete=True and FailureTarget=true conditions',
    ],
  ]);
}

function timeErrors(change: Change): FieldError[] {
  const { startTime, completionTime } = change.job.status ?? {};
  const complete = hasCondition(change.job, 'Complete');
  const field = 'status.completionTime';
  const completes = change.flips('Complete') || change.of('completionTime');
  const moves = change.of('startTime', 'completionTime');
  return [
    ...(completes && completionTime && !complete
      ? [invalid(field, completionTime, 'cannot set completionTime when there is no Complete=True condition')]
      : []),
    ...(completes && !completionTime && complete
      ? [required(field, 'completionTime is required for Complete jobs')]
      : []),
    ...(moves && startTime && completionTime && Date.parse(completionTime) < Date.parse(startTime)
      ? [invalid(field, completionTime, 'must be equal to or after `startTime`')]
      : []),
  ];
}

function needErrors(change: Change): FieldError[] {
  const { job } = change;
  const fails = change.flips('Failed') || change.of('failedIndexes');
  const completes = change.flips('Complete', 'SuccessCriteriaMet');
  return broken([
    [
      fails && hasCondition(job, 'Failed') && !hasCondition(job, 'FailureTarget'),
      'cannot set Failed=True condition without the FailureTarget=true condition',
    ],
    [
      completes && hasCondition(job, 'Complete') && !hasCondition(job, 'SuccessCriteriaMet'),
      'cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
    ],
  ]);
}

function finishedErrors(change: Change): FieldError[] {
  const { job, finishes } = change;
  if (!isFinished(job)) return [];
  const { active = 0, startTime, uncountedTerminatedPods: uncounted } = job.status ?? {};
  const { failed = [], succeeded = [] } = uncounted ?? {};
  const neverStarts = job.spec?.suspend === true && job.spec.completions === 0;
  const shown = { Succeeded: uncounted?.succeeded ?? null, Failed: uncounted?.failed ?? null };
  return [
    ...((finishes || change.of('active')) && active > 0
      ? [invalid('status.active', active, 'active>0 is invalid for finished job')]
      : []),
    ...((finishes || change.of('startTime')) && !startTime && !neverStarts
      ? [required('status.startTime', 'startTime is required for finished job')]
      : []),
    ...((finishes || change.of('uncountedTerminatedPods')) && failed.length + succeeded.length > 0
      ? [invalid('status.uncountedTerminatedPods', shown, 'must be empty for finished job')]
      : []),
  ];
}

function indexErrors(change: Change): FieldError[] {
  const { spec, status = {} } = change.job;
  const { completedIndexes: completed = '', failedIndexes: failed } = status;
  const { completions, backoffLimitPerIndex, completionMode } = spec ?? {};
  const [completes, fails] = [change.of('completedIndexes'), change.of('failedIndexes')];
  const readable = (name: 'completedIndexes' | 'failedIndexes', text: string): FieldError[] => {
    const read = parseIndexes(text, completions ?? 0);
    return 'total' in read ? [] : [invalid(`status.${name}`, text, `error parsing ${name}: ${read.problem}`)];
  };
  const counted = completions !== undefined && failed !== undefined;
  const overlap = counted && (fails || completes) ? findOverlap(completed, failed, completions) : undefined;
  return [
    ...(completes && completions !== undefined ? readable('completedIndexes', completed) : []),
    ...(fails && counted && backoffLimitPerIndex !== undefined ? readable('failedIndexes', failed) : []),
    ...(completes && completed !== '' && completionMode !== 'Indexed'
      ? [
          invalid(
            'status.completedIndexes',
            completed,
            'cannot set non-empty completedIndexes when non-indexed completion mode',
          ),
        ]
      : []),
    ...(fails && backoffLimitPerIndex === undefined && failed !== undefined
      ? [invalid('status.failedIndexes', failed, 'cannot set non-null failedIndexes when backoffLimitPerIndex is null')]
      : []),
    ...(overlap === undefined
      ? []
      : [invalid('status.failedIndexes', failed, `failedIndexes and completedIndexes overlap at index: ${overlap}`)]),
  ];
}

function podErrors(change: Change): FieldError[] {
  const { active = 0, ready, terminating = 0 } = change.job.status ?? {};
  return [
    ...((change.finishes || change.of('terminating')) && terminating > 0 && isFinished(change.job)
      ? [invalid('status.terminating', terminating, 'terminating>0 is invalid for finished job')]
      : []),
    ...(change.of('ready', 'active') && ready !== undefined && ready > active
      ? [invalid('status.ready', ready, 'cannot set more ready pods than active')]
      : []),
  ];
}

function criteriaErrors(job: Job): FieldError[] {
  const met = hasCondition(job, 'SuccessCriteriaMet');
  const unless = 'cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True';
  return broken([
    [met && hasCondition(job, 'Failed'), 'cannot set SuccessCriteriaMet=True and Failed=true conditions'],
    [met && hasCondition(job, 'FailureTarget'), 'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions'],
    [job.spec?.successPolicy !== undefined && !met && hasCondition(job, 'Complete'), unless],
  ]);
}

function regressionErrors(change: Change): FieldError[] {
  const { job, old } = change;
  const { failed = 0, succeeded = 0, startTime, completionTime } = job.status ?? {};
  const before = old.status ?? {};
  const lost = ['Failed', 'Complete', 'FailureTarget'].filter(
    (type) => hasCondition(old, type) && !hasCondition(job, type),
  );
  const [met, was] = [hasCondition(job, 'SuccessCriteriaMet'), hasCondition(old, 'SuccessCriteriaMet')];
  return [
    ...lost.map((type) => conditionError(`cannot disable the terminal ${type}=True condition`)),
    ...(failed < (before.failed ?? 0) ? [invalid('status.failed', failed, 'cannot decrease the failed counter')] : []),
    ...(succeeded < (before.succeeded ?? 0) && !scalesDown(job)
      ? [invalid('status.succeeded', succeeded, 'cannot decrease the succeeded counter')]
      : []),
    ...(completionTime && before.completionTime && completionTime !== before.completionTime
      ? [invalid('status.completionTime', completionTime, 'field is immutable')]
      : []),
    ...(before.startTime && before.startTime !== startTime && !job.spec?.suspend && !resumes(job, old)
      ? [invalid('status.startTime', startTime, 'field is immutable for unsuspended job once set')]
      : []),
    ...broken([
      [was && !met, 'cannot disable the SuccessCriteriaMet=True condition'],
      [
        hasCondition(old, 'Complete') && !was && met,
        'cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions',
      ],
    ]),
  ];
}

/** Indexed jobs whose two numbers are the same can be made smaller, which forgets indexes that had succeeded. */
function scalesDown({ spec }: Job): boolean {
  return spec?.completionMode === 'Indexed' && spec.completions === spec.parallelism;
}

/** The user had ended the suspension before the controller says so. */
function resumes({ status }: Job, old: Job): boolean {
  const now = status?.conditions?.find(({ type }) => type === 'Suspended');
  return hasCondition(old, 'Suspended') && now?.status === 'False';
}
