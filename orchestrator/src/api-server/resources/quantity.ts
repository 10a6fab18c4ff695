import { apiError } from '@berth/kube';

type Format = 'binary' | 'decimal' | 'exponent';

/** A parsed resource quantity: an exact amount in billionths and the notation it was written in (apimachinery resource.Quantity). */
export interface Quantity {
  readonly nano: bigint;
  readonly format: Format;
}

const billion = 1_000_000_000n;
/** int64's largest number: what greater amounts are cut to. */
const largest = (2n ** 63n - 1n) * billion;
const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'] as const;
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;
const pattern = /^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$/;
const formatError = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** @throws ApiError BadRequest – not a quantity, in the words a decoder says. */
export function parseQuantity(value: unknown): Quantity {
  const match = pattern.exec(String(value).trim());
  if (!match?.[1]) throw apiError('BadRequest', formatError);
  const number = /^([+-]?)(\d*)(?:\.(\d*))?$/.exec(match[1]);
  if (!number || `${number[2]}${number[3] ?? ''}` === '') throw apiError('BadRequest', formatError);
  const [, sign, whole = '', fraction = ''] = number;
  const { numerator, denominator, format } = scaleOf(match[2] ?? '');
  const scaled = BigInt(whole + fraction || '0') * numerator * billion;
  const divisor = denominator * 10n ** BigInt(fraction.length);
  // Below a billionth is rounded up, away from zero.
  const amount = scaled / divisor + (scaled % divisor === 0n ? 0n : 1n);
  const cut = amount > largest ? largest : amount;
  return { nano: sign === '-' ? -cut : cut, format };
}

function scaleOf(suffix: string): { numerator: bigint; denominator: bigint; format: Format } {
  const binary = binarySuffixes.indexOf(suffix as 'Ki');
  if (binary > 0) return { numerator: 1024n ** BigInt(binary), denominator: 1n, format: 'binary' };
  const decimal = decimalSuffixes.indexOf(suffix as 'k');
  if (decimal >= 0) return { ...power((decimal - 3) * 3), format: 'decimal' };
  const exponent = /^[eE]([+-]?\d+)$/.exec(suffix);
  if (!exponent || Math.abs(Number(exponent[1])) > 100)
    throw apiError('BadRequest', "unable to parse quantity's suffix");
  return { ...power(Number(exponent[1])), format: 'exponent' };
}

function power(exponent: number): { numerator: bigint; denominator: bigint } {
  return exponent >= 0
    ? { numerator: 10n ** BigInt(exponent), denominator: 1n }
    : { numerator: 1n, denominator: 10n ** BigInt(-exponent) };
}

/** The canonical text: no fraction, the greatest suffix that needs none (`0.5` → `500m`, `1024Mi` → `1Gi`). */
export function formatQuantity({ nano, format }: Quantity): string {
  if (nano === 0n) return '0';
  if (format === 'binary' && isWhole(nano) && magnitude(nano) >= 1024n * billion) return formatBinary(nano / billion);
  let exponent = -9;
  let mantissa = nano;
  while (mantissa % 1000n === 0n && exponent < 18) {
    mantissa /= 1000n;
    exponent += 3;
  }
  if (format === 'exponent') return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`;
  return `${mantissa}${decimalSuffixes[exponent / 3 + 3]}`;
}

function formatBinary(value: bigint): string {
  let index = 0;
  let mantissa = value;
  while (mantissa % 1024n === 0n && index < binarySuffixes.length - 1) {
    mantissa /= 1024n;
    index += 1;
  }
  return `${mantissa}${binarySuffixes[index]}`;
}

function isWhole(nano: bigint): boolean {
  return nano % billion === 0n;
}

function magnitude(nano: bigint): bigint {
  return nano < 0n ? -nano : nano;
}

export function canonicalQuantity(value: unknown): string {
  return formatQuantity(parseQuantity(value));
}

/** Below 0, 0 or above 0, as a is less than, equal to or more than b. */
export function compareQuantities(a: unknown, b: unknown): number {
  const difference = parseQuantity(a).nano - parseQuantity(b).nano;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export function isWholeQuantity(value: unknown): boolean {
  return isWhole(parseQuantity(value).nano);
}
