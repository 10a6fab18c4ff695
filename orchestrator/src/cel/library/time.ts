import { goQuote } from '@berth/kube';
import { declare, type FunctionDeclaration } from '../language/declarations.ts';
import { CelError } from '../values/cel-error.ts';
import type { Duration } from '../values/duration.ts';
import type { Timestamp } from '../values/timestamp.ts';
import type { Result, Value } from '../values/value.ts';

/** A moment's parts in some zone: a date whose UTC parts are that zone's. */
type Part = (local: Date, subNanos: bigint) => number;

const parts: readonly (readonly [name: string, id: string, part: Part, zoned?: string])[] = [
  ['getFullYear', 'timestamp_to_year', (date) => date.getUTCFullYear()],
  ['getMonth', 'timestamp_to_month', (date) => date.getUTCMonth()],
  ['getDayOfYear', 'timestamp_to_day_of_year', dayOfYear],
  ['getDayOfMonth', 'timestamp_to_day_of_month', (date) => date.getUTCDate() - 1],
  ['getDate', 'timestamp_to_day_of_month_1_based', (date) => date.getUTCDate()],
  ['getDayOfWeek', 'timestamp_to_day_of_week', (date) => date.getUTCDay()],
  ['getHours', 'timestamp_to_hours', (date) => date.getUTCHours()],
  ['getMinutes', 'timestamp_to_minutes', (date) => date.getUTCMinutes()],
  ['getSeconds', 'timestamp_to_seconds', (date) => date.getUTCSeconds(), 'timestamp_to_seconds_tz'],
  ['getMilliseconds', 'timestamp_to_milliseconds', (_, nanos) => Number(nanos / 1_000_000n)],
];

const spans: Readonly<Record<string, readonly [id: string, of: (nanos: bigint) => bigint]>> = {
  getHours: ['duration_to_hours', (nanos) => nanos / 3_600_000_000_000n],
  getMinutes: ['duration_to_minutes', (nanos) => nanos / 60_000_000_000n],
  getSeconds: ['duration_to_seconds', (nanos) => nanos / 1_000_000_000n],
  getMilliseconds: ['duration_to_milliseconds', (nanos) => nanos / 1_000_000n],
};

/** Parts of timestamps, in UTC or in a zone by name or offset, and of durations. */
export const time: readonly FunctionDeclaration[] = parts.map(([name, id, part, zoned]) => {
  const span = spans[name];
  return declare(name, {
    [id]: ['timestamp.(): int', (at) => partOf(at, 'UTC', part)],
    [zoned ?? `${id}_with_tz`]: ['timestamp.(string): int', (at, zone) => partOf(at, zone, part)],
    ...(span ? { [span[0]]: ['duration.(): int', (value: Value) => span[1]((value as Duration).nanos)] as const } : {}),
  });
});

function partOf(at: Value | undefined, zone: Value | undefined, part: Part): Result {
  const timestamp = at as Timestamp;
  const date = inZone(new Date(Number(timestamp.seconds) * 1000), zone as string);
  return date instanceof CelError ? date : BigInt(part(date, timestamp.subNanos));
}

function inZone(date: Date, zone: string): Date | CelError {
  if (zone === 'UTC' || zone === 'Local' || zone === '') return date;
  const colon = zone.indexOf(':');
  if (colon < 0) return /^[/\\]|\.\./.test(zone) ? new CelError('time: invalid location name') : named(date, zone);
  const parts = [zone.slice(0, colon), zone.slice(colon + 1)];
  const wrong = parts.find((part) => !/^[+-]?\d{1,15}$/.test(part));
  if (wrong !== undefined) return new CelError(`strconv.Atoi: parsing ${goQuote(wrong)}: invalid syntax`);
  const [hours, minutes] = parts.map(Number) as [number, number];
  const offset = hours * 60 + (zone.startsWith('-') ? -minutes : minutes);
  return new Date(date.getTime() + offset * 60_000);
}

function named(date: Date, zone: string): Date | CelError {
  // Go looks for files of that name; all begin with a capital.
  const unknown = new CelError(`unknown time zone ${zone}`);
  if (!/^[A-Z]/.test(zone)) return unknown;
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    const got = Object.fromEntries(format.formatToParts(date).map(({ type, value }) => [type, Number(value)]));
    const local = new Date(0);
    local.setUTCFullYear(got['year'] as number, (got['month'] as number) - 1, got['day']);
    local.setUTCHours(got['hour'] as number, got['minute'], got['second']);
    return local;
  } catch {
    return unknown;
  }
}

function dayOfYear(date: Date): number {
  const first = new Date(date);
  first.setUTCMonth(0, 1);
  return Math.round((date.getTime() - first.getTime()) / 86_400_000);
}
