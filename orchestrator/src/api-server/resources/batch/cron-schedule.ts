import { asInt64, goQuote } from '@berth/kube';
import { durationComplaint, durationMs } from '../../go-duration.ts';

/** What is wrong with a cron schedule, in the words of the parser upstream uses (robfig/cron v3, standard five fields). */
export function scheduleComplaint(schedule: string): string | undefined {
  const zone = /^(?:TZ|CRON_TZ)=(\S*)\s+(.*)$/s.exec(schedule);
  const spec = zone ? (zone[2] as string).trim() : schedule;
  if (spec.startsWith('@')) return descriptorComplaint(spec);
  const fields = spec.split(/\s+/).filter((field) => field !== '');
  if (fields.length !== bounds.length)
    return `expected exactly ${bounds.length} fields, found ${fields.length}: [${fields.join(' ')}]`;
  for (const [index, field] of fields.entries()) {
    const complaint = fieldComplaint(field, bounds[index] as Bounds);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** Minute, hour, day of month, month, day of week. */
const bounds: readonly Bounds[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: ['', ...months] },
  { min: 0, max: 6, names: days },
];

const descriptors = new Set(['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']);

function descriptorComplaint(text: string): string | undefined {
  if (descriptors.has(text)) return undefined;
  const prefix = '@every ';
  if (!text.startsWith(prefix)) return `unrecognized descriptor: ${text}`;
  const every = text.slice(prefix.length);
  if (durationMs(every) !== undefined) return undefined;
  return `failed to parse duration ${text}: ${durationComplaint(every)}`;
}

function fieldComplaint(field: string, limits: Bounds): string | undefined {
  // A field has a hundred parts, and many as a text has room for.
  for (const part of new Set(field.split(',').filter((text) => text !== ''))) {
    const complaint = rangeComplaint(part, limits);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}

function rangeComplaint(text: string, { min, max, names }: Bounds): string | undefined {
  const [range, step, ...moreSteps] = text.split('/') as [string, string | undefined];
  const [low, high, ...moreHyphens] = range.split('-') as [string, string | undefined];
  const wildcard = low === '*' || low === '?';
  const start = wildcard ? min : number(low, names);
  if (typeof start === 'string') return start;
  if (!wildcard && moreHyphens.length > 0) return `too many hyphens: ${text}`;
  const open = step === undefined ? start : max;
  const end = wildcard ? max : high === undefined ? open : number(high, names);
  if (typeof end === 'string') return end;
  if (moreSteps.length > 0) return `too many slashes: ${text}`;
  const stride = step === undefined ? 1 : number(step, []);
  if (typeof stride === 'string') return stride;
  if (start < min) return `beginning of range (${start}) below minimum (${min}): ${text}`;
  if (end > max) return `end of range (${end}) above maximum (${max}): ${text}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${text}`;
  return stride === 0 ? `step of range should be a positive number: ${text}` : undefined;
}

/** The number, or what is wrong with it. */
function number(text: string, names: readonly string[]): number | string {
  const named = text === '' ? -1 : names.indexOf(text.toLowerCase());
  if (named >= 0) return named;
  if (!/^[+-]?\d+$/.test(text))
    return `failed to parse int from ${text}: strconv.Atoi: parsing ${goQuote(text)}: invalid syntax`;
  if (asInt64(text) === undefined)
    return `failed to parse int from ${text}: strconv.Atoi: parsing ${goQuote(text)}: value out of range`;
  const value = Number(text);
  return value < 0 ? `negative number (${value}) not allowed: ${text}` : value;
}
