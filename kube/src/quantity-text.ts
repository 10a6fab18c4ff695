/** The notation a quantity came in, kept when it is written again (apimachinery api/resource). */
export type QuantityFormat = 'BinarySI' | 'DecimalSI' | 'DecimalExponent';

/** The parts of a quantity's text; `digits` and `decimals` have no sign and no leading zeros. */
export interface QuantityText {
  readonly negative: boolean;
  readonly digits: string;
  readonly decimals: string;
  readonly suffix: string;
}

const formatError = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const suffixError = "unable to parse quantity's suffix";
/** Far past any use; keeps a short text from asking for a number of gigabytes. */
const maxExponent = 4096;
/** So are so many digits, whose reading takes their square. */
const maxLength = 4096;

export const binaryUnits = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;
const decimalExponents = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);
const decimalUnits = new Map([...decimalExponents].map(([unit, exponent]) => [exponent, unit]));

/** A text that is no quantity; the message has the words of Kubernetes. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

/** Each part begins with what the one before cannot hold: there is one way to read a text, and to refuse it. */
const scanner = /^([+-]?)([0-9]*)(?:\.([0-9]*))?((?:[eEinumkKMGTP]+[-+]?|[-+])[0-9]*)?$/;

/** Splits a text as upstream's scanner does: a missing number counts as zero. @throws QuantityError */
export function splitQuantity(text: string): QuantityText {
  const match = text === '' || text.length > maxLength ? null : scanner.exec(text);
  if (!match) throw new QuantityError(formatError);
  const [, sign, whole = '', decimals = '', suffix = ''] = match;
  return { negative: sign === '-', digits: whole.replace(/^0+/, '') || '0', decimals, suffix };
}

/** What a suffix multiplies by: `base ** exponent`. @throws QuantityError */
export function readSuffix(suffix: string): { base: 2n | 10n; exponent: number; format: QuantityFormat } {
  const binary = suffix === '' ? -1 : binaryUnits.indexOf(suffix as (typeof binaryUnits)[number]);
  if (binary > 0) return { base: 2n, exponent: 10 * binary, format: 'BinarySI' };
  const decimal = decimalExponents.get(suffix);
  if (decimal !== undefined) return { base: 10n, exponent: decimal, format: 'DecimalSI' };
  if (!/^[eE][-+]?[0-9]+$/.test(suffix)) throw new QuantityError(suffixError);
  const exponent = Number(suffix.slice(1));
  if (Math.abs(exponent) > maxExponent) throw new QuantityError(suffixError);
  return { base: 10n, exponent, format: 'DecimalExponent' };
}

/** `mantissa` times ten to a multiple of three, in the wanted notation; past `E` only exponents remain. */
export function decimalText(mantissa: bigint, exponent: number, format: QuantityFormat): string {
  const unit = format === 'DecimalExponent' ? undefined : decimalUnits.get(exponent);
  if (unit !== undefined) return `${mantissa}${unit}`;
  return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`;
}
