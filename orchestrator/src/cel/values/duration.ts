import { maxInt, minInt } from './value.ts';

/** A span of time in nanoseconds. */
export class Duration {
  readonly nanos: bigint;

  constructor(nanos: bigint) {
    this.nanos = nanos;
  }

  /** As `string(duration)` prints: seconds. */
  toString(): string {
    return `${formatSeconds(this.nanos)}s`;
  }
}

const unitNanos: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** More than any span of time takes to write. */
const maxText = 1000;

/** Reads Go's `1h2m3.5s`; undefined where it is none or beyond int64. */
export function parseDuration(text: string): Duration | undefined {
  if (text.length > maxText) return undefined;
  const match = /^([+-]?)(.+)$/s.exec(text);
  if (!match) return undefined;
  const [, sign, rest = ''] = match;
  if (rest === '0') return new Duration(0n);
  const part = /(\d*)(?:\.(\d*))?(ns|us|µs|\u03bcs|ms|s|m|h)/y;
  let nanos = 0n;
  while (part.lastIndex < rest.length) {
    const found = part.exec(rest);
    if (!found) return undefined;
    const [, whole = '', fraction = '', unit = ''] = found;
    if (whole === '' && fraction === '') return undefined;
    const scale = unitNanos[unit] as bigint;
    nanos += BigInt(whole || '0') * scale;
    if (fraction !== '')
      nanos += (BigInt(fraction.slice(0, 18)) * scale) / 10n ** BigInt(Math.min(fraction.length, 18));
    if (nanos > maxInt + 1n) return undefined;
  }
  const signed = sign === '-' ? -nanos : nanos;
  return signed > maxInt || signed < minInt ? undefined : new Duration(signed);
}

/** Nanoseconds as seconds with as many decimals as needed: `-0.5`. */
function formatSeconds(nanos: bigint): string {
  const absolute = nanos < 0n ? -nanos : nanos;
  const fraction = (absolute % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  return `${nanos < 0n ? '-' : ''}${absolute / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}`;
}
