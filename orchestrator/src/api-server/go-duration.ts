const unitsMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** One behind the other, in one pass: clients may send a hundred thousand. */
const pieces = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|\u03bcs|ms|s|m|h)/gy;

/** A duration as Go writes it: `1m30s`, `0.5s`, `-1h`. Undefined: it is none. */
export function durationMs(text: string): number | undefined {
  const unsigned = text.replace(/^[+-]/, '');
  if (unsigned === '0') return 0;
  let [sum, read] = [0, 0];
  for (const [all, number, unit = ''] of unsigned.matchAll(pieces)) {
    sum += Number(number) * (unitsMs[unit] as number);
    read += all.length;
  }
  if (read === 0 || read < unsigned.length) return undefined;
  // More does not fit Go's int64 of nanoseconds.
  if (sum > 2 ** 63 / 1e6) return undefined;
  return text.startsWith('-') ? -sum : sum;
}

/** What is wrong with a text that is no duration, in the words of Go's time.ParseDuration. */
export function durationComplaint(text: string): string {
  const quoted = JSON.stringify(text);
  for (const [, number = '', unit = ''] of text.replace(/^[+-]/, '').matchAll(/(\d*\.?\d*)([^\d.]*)/gy)) {
    if (!/\d/.test(number)) break;
    if (unit === '') return `time: missing unit in duration ${quoted}`;
    if (!Object.hasOwn(unitsMs, unit)) return `time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`;
  }
  return `time: invalid duration ${quoted}`;
}

/** As Go prints a duration of a microsecond or more: `1m30s`, `500ms`, `168.323µs`. */
export function durationText(ms: number): string {
  // It knows nanoseconds, which fractions of milliseconds are not exactly.
  const [sign, length] = [ms < 0 ? '-' : '', Math.round(Math.abs(ms) * 1e6) / 1e6];
  if (length < 1) return length === 0 ? '0s' : `${sign}${Math.round(length * 1e6) / 1000}µs`;
  if (length < 1000) return `${sign}${length}ms`;
  const [hours, minutes] = [Math.floor(length / 3_600_000), Math.floor(length / 60_000) % 60];
  const seconds = `${Math.round((length % 60_000) * 1e6) / 1e9}s`;
  return `${sign}${hours > 0 ? `${hours}h` : ''}${length >= 60_000 ? `${minutes}m` : ''}${seconds}`;
}
