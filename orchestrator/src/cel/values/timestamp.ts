/** A moment: nanoseconds since 1970, within the years 1 and 9999. */
export class Timestamp {
  readonly nanos: bigint;
  /** Seconds that the zone it was written in is ahead of UTC. */
  readonly offset: number;

  constructor(nanos: bigint, offset = 0) {
    this.nanos = nanos;
    this.offset = offset;
  }

  get seconds(): bigint {
    const whole = this.nanos / billion;
    return this.nanos % billion < 0n ? whole - 1n : whole;
  }

  /** Within the second. */
  get subNanos(): bigint {
    return ((this.nanos % billion) + billion) % billion;
  }

  /** As `string(timestamp)` prints: RFC 3339 in the zone it was written in, with as many decimals as needed. */
  toString(): string {
    const { offset } = this;
    const date = new Date((Number(this.seconds) + offset) * 1000).toISOString().slice(0, 19);
    const fraction = this.subNanos.toString().padStart(9, '0').replace(/0+$/, '');
    return `${date}${fraction === '' ? '' : `.${fraction}`}${zoneOf(offset)}`;
  }
}

function zoneOf(offset: number): string {
  if (offset === 0) return 'Z';
  const minutes = Math.abs(offset) / 60;
  const digits = (value: number) => String(Math.trunc(value)).padStart(2, '0');
  return `${offset < 0 ? '-' : '+'}${digits(minutes / 60)}:${digits(minutes % 60)}`;
}

const billion = 1_000_000_000n;
/** The beginning of the year 1: Go's time that is none. */
export const minSeconds = -62135596800n;
const maxSeconds = 253402300799n;

/** Undefined outside the years 1 to 9999. */
export function timestampAt(nanos: bigint, offset = 0): Timestamp | undefined {
  const timestamp = new Timestamp(nanos, offset);
  return timestamp.seconds < minSeconds || timestamp.seconds > maxSeconds ? undefined : timestamp;
}

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(Z|([+-])(\d\d):(\d\d))$/;

/** Reads RFC 3339 as Go's time package does; undefined where it is none. */
export function parseTimestamp(text: string): Timestamp | undefined {
  // More decimals than anyone writes are not worth looking at.
  const match = text.length > 100 ? null : rfc3339.exec(text);
  if (!match) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  let offset = 0;
  if (match[9] !== undefined) {
    const [hours, minutes] = [Number(match[10]), Number(match[11])];
    if (hours > 24 || minutes > 60) return undefined;
    offset = (match[9] === '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
  }
  const seconds = BigInt(date.getTime() / 1000 - offset);
  return timestampAt(seconds * billion + BigInt((match[7] ?? '').slice(0, 9).padEnd(9, '0')), offset);
}

function daysOf(year: number, month: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month, 0);
  return date.getUTCDate();
}
