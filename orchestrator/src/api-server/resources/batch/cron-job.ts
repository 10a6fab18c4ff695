import type { CronJob, CronJobSpec } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { containers } from '../apps/workload-cells.ts';
import { age } from '../columns.ts';
import { defaultPodTemplate } from '../core/pod/defaults.ts';
import { invalid, notSupported, required } from '../field.ts';
import { formatSelector, shownSelector } from '../label-selector.ts';
import { nonNegative } from '../metadata.ts';
import type { KindRules } from '../rules.ts';
import { scheduleComplaint } from './cron-schedule.ts';
import { validateJobSpec } from './job-spec.ts';

/** Names of jobs append eleven characters of time to the CronJob's. */
const longestName = 52;

export const cronJobRules: KindRules = {
  generation: { initial: true, of: ({ spec }) => spec },
  cells: {
    Schedule: ({ spec }) => spec?.schedule ?? '',
    Timezone: ({ spec }) => spec?.timeZone ?? '<none>',
    Suspend: ({ spec }) => (spec?.suspend === true ? 'True' : 'False'),
    Active: ({ status }) => status?.active?.length ?? 0,
    'Last Schedule': ({ status }, now) => (status?.lastScheduleTime ? age(status.lastScheduleTime, now) : '<none>'),
    Containers: ({ spec }) => containers(spec?.jobTemplate?.spec?.template, 'name'),
    Images: ({ spec }) => containers(spec?.jobTemplate?.spec?.template, 'image'),
    Selector: ({ spec }) => formatSelector(spec?.jobTemplate?.spec?.selector),
  },
  rules: {
    default: (object) => {
      const spec = (object as CronJob).spec as CronJobSpec;
      spec.concurrencyPolicy ??= 'Allow';
      spec.suspend ??= false;
      spec.successfulJobsHistoryLimit ??= 3;
      spec.failedJobsHistoryLimit ??= 1;
      const template = spec.jobTemplate?.spec?.template;
      if (template) defaultPodTemplate(template);
    },
    validate,
  },
};

function validate(object: AnyObject, old?: AnyObject): FieldError[] {
  const { metadata } = object;
  const spec = (object as CronJob).spec as CronJobSpec;
  const name = metadata.name ?? '';
  const policies = ['Allow', 'Forbid', 'Replace'];
  return [
    ...scheduleErrors(spec),
    ...nonNegative(spec.startingDeadlineSeconds ?? 0, 'spec.startingDeadlineSeconds'),
    ...zoneErrors(spec.timeZone),
    ...(policies.includes(spec.concurrencyPolicy ?? '')
      ? []
      : [notSupported('spec.concurrencyPolicy', spec.concurrencyPolicy ?? '', policies)]),
    ...templateErrors(spec),
    ...nonNegative(spec.successfulJobsHistoryLimit ?? 0, 'spec.successfulJobsHistoryLimit'),
    ...nonNegative(spec.failedJobsHistoryLimit ?? 0, 'spec.failedJobsHistoryLimit'),
    ...(!old && name.length > longestName
      ? [invalid('metadata.name', name, `must be no more than ${longestName} characters`)]
      : []),
  ];
}

function scheduleErrors({ schedule }: CronJobSpec): FieldError[] {
  const field = 'spec.schedule';
  if (!schedule) return [required(field)];
  const complaint = scheduleComplaint(schedule);
  return [
    ...(complaint === undefined ? [] : [invalid(field, schedule, complaint)]),
    ...(schedule.includes('TZ')
      ? [invalid(field, schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead')]
      : []),
  ];
}

function zoneErrors(zone: string | undefined): FieldError[] {
  const field = 'spec.timeZone';
  if (zone === undefined) return [];
  if (zone === '') return [invalid(field, zone, 'timeZone must be nil or non-empty string')];
  if (zone.toLowerCase() === 'local')
    return [
      invalid(field, zone, 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'),
    ];
  return isTimeZone(zone) ? [] : [invalid(field, zone, `unknown time zone ${zone}`)];
}

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

function templateErrors({ jobTemplate }: CronJobSpec): FieldError[] {
  const spec = jobTemplate?.spec;
  const field = 'spec.jobTemplate.spec';
  if (!spec) return [required(field)];
  return [
    ...validateJobSpec(spec, field),
    ...(spec.selector
      ? [invalid(`${field}.selector`, shownSelector(spec.selector), '`selector` will be auto-generated')]
      : []),
    ...(spec.manualSelector ? [notSupported(`${field}.manualSelector`, true, ['nil', 'false'])] : []),
  ];
}
