import { binaryUnits, decimalText, type QuantityFormat, readSuffix, splitQuantity } from './quantity-text.ts';

const nano = 1_000_000_000n;
const maxInt64 = 2n ** 63n - 1n;
/** Decimal digits that surely fit an int64 (upstream's maxInt64Factors): below, a canonical text is kept as it is. */
const maxInt64Digits = 18;

/**
 * A number with a unit, exact to a billionth: `1Gi`, `500m`, `1e3` (apimachinery `resource.Quantity`).
 * Immutable. {@link toString} gives the canonical form in the notation it was parsed from.
 */
export class Quantity {
  static readonly zero = new Quantity(0n, 'DecimalSI', '0');
  readonly #nanos: bigint;
  readonly #format: QuantityFormat;
  /** Already canonical text, or the cache of it. */
  #text: string | undefined;

  private constructor(nanos: bigint, format: QuantityFormat, text?: string) {
    this.#nanos = nanos;
    this.#format = format;
    this.#text = text;
  }

  /** @throws QuantityError – the text is no quantity; nothing else. */
  static parse(text: string): Quantity {
    if (text === '0') return Quantity.zero;
    const { negative, digits, decimals, suffix } = splitQuantity(text);
    const { base, exponent, format } = readSuffix(suffix);
    const unscaled = BigInt(digits + decimals);
    const magnitude =
      base === 2n
        ? scale(unscaled << BigInt(exponent), 9 - decimals.length)
        : scale(unscaled, 9 + exponent - decimals.length);
    const capped = format === 'BinarySI' && magnitude > maxInt64 * nano ? maxInt64 * nano : magnitude;
    const fraction = capped > 0n && capped < nano;
    return new Quantity(
      negative ? -capped : capped,
      format === 'BinarySI' && fraction ? 'DecimalSI' : format,
      keepsText({ digits, decimals, exponent, format }) ? text : undefined,
    );
  }

  /** A whole number of units (bytes, cores). */
  static of(value: bigint | number, format: QuantityFormat = 'DecimalSI'): Quantity {
    return new Quantity(BigInt(value) * nano, format);
  }

  /** Thousandths, such as millicores. */
  static ofMilli(value: bigint | number, format: QuantityFormat = 'DecimalSI'): Quantity {
    return new Quantity(BigInt(value) * 1_000_000n, format);
  }

  get format(): QuantityFormat {
    return this.#format;
  }

  get isZero(): boolean {
    return this.#nanos === 0n;
  }

  /** -1, 0 or 1. */
  get sign(): number {
    return this.#nanos === 0n ? 0 : this.#nanos < 0n ? -1 : 1;
  }

  compare(other: Quantity): number {
    return this.#nanos === other.#nanos ? 0 : this.#nanos < other.#nanos ? -1 : 1;
  }

  equals(other: Quantity): boolean {
    return this.#nanos === other.#nanos;
  }

  /** The sum, in the notation of this one, or of the other where this is zero. */
  add(other: Quantity): Quantity {
    return new Quantity(this.#nanos + other.#nanos, this.isZero ? other.#format : this.#format);
  }

  subtract(other: Quantity): Quantity {
    return new Quantity(this.#nanos - other.#nanos, this.isZero ? other.#format : this.#format);
  }

  negate(): Quantity {
    return new Quantity(-this.#nanos, this.#format);
  }

  /** Whole units, fractions rounded away from zero. */
  value(): bigint {
    return roundedUp(this.#nanos, nano);
  }

  milliValue(): bigint {
    return roundedUp(this.#nanos, 1_000_000n);
  }

  /** For ratios and metrics; may lose precision. */
  approximate(): number {
    return Number(this.#nanos) / 1e9;
  }

  /** At most thousandths, rounded away from zero: what API defaulting does to resource lists. */
  roundUpToMilli(): Quantity {
    if (this.#nanos % 1_000_000n === 0n) return this;
    return new Quantity(this.milliValue() * 1_000_000n, this.#format);
  }

  /** The canonical form: no fraction, no lost precision, the largest unit. */
  toString(): string {
    this.#text ??= this.#canonical();
    return this.#text;
  }

  toJSON(): string {
    return this.toString();
  }

  #canonical(): string {
    if (this.#nanos === 0n) return '0';
    const whole = this.#nanos % nano === 0n;
    const small = this.#nanos > -1024n * nano && this.#nanos < 1024n * nano;
    if (this.#format === 'BinarySI' && whole && !small) return binaryText(this.#nanos / nano);
    let mantissa = this.#nanos;
    let exponent = -9;
    while (mantissa % 1000n === 0n) {
      mantissa /= 1000n;
      exponent += 3;
    }
    return decimalText(mantissa, exponent, this.#format);
  }
}

function binaryText(value: bigint): string {
  let rest = value;
  let unit = 0;
  while (rest % 1024n === 0n && unit < binaryUnits.length - 1) {
    rest /= 1024n;
    unit++;
  }
  return `${rest}${binaryUnits[unit]}`;
}

/** `value * 10 ** exponent`; what falls off the end rounds up, so that asking for little never becomes nothing. */
function scale(value: bigint, exponent: number): bigint {
  if (exponent >= 0) return value * 10n ** BigInt(exponent);
  return roundedUp(value, 10n ** BigInt(-exponent));
}

function roundedUp(value: bigint, unit: bigint): bigint {
  const whole = value / unit;
  if (whole * unit === value) return whole;
  return value > 0n ? whole + 1n : whole - 1n;
}

/** Where upstream keeps the text of the user instead of writing the canonical one (ParseQuantity's fast path). */
function keepsText({
  digits,
  decimals,
  exponent,
  format,
}: {
  digits: string;
  decimals: string;
  exponent: number;
  format: QuantityFormat;
}): boolean {
  if (format === 'BinarySI') {
    const precision = 15 - digits.length - Math.trunc((exponent * 3) / 10) - 1;
    return decimals === '' && precision >= 0 && (BigInt(digits) & 7n) !== 0n;
  }
  const shifted = digits + decimals;
  const scaleOf = exponent - decimals.length;
  return (
    shifted.length <= maxInt64Digits &&
    scaleOf >= -9 &&
    scaleOf % 3 === 0 &&
    !shifted.endsWith('000') &&
    !shifted.startsWith('0')
  );
}
