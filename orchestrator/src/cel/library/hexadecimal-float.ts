const digits = '[\\da-f](?:_?[\\da-f])*';
const form = new RegExp(`^([+-]?)0x_?(?:(${digits})\\.?(${digits})?|\\.(${digits}))p([+-]?\\d(?:_?\\d)*)$`, 'i');

/** As many bits as a float may need to be rounded rightly, where the last says whether any was behind. */
const keptBits = 64;

/** A number such as `0x1.8p-2`, as Go's strconv.ParseFloat reads it; undefined where it is none. */
export function hexadecimalFloat(text: string): number | undefined {
  const [, sign = '', whole = '', fraction = '', only = fraction, exponent = ''] = form.exec(text) ?? [];
  if (exponent === '') return undefined;
  const [before, behind] = [whole, only].map((part) => part.replaceAll('_', '')) as [string, string];
  const bits = BigInt(`0x${before}${behind}`);
  const extra = Math.max(0, bits.toString(2).length - keptBits);
  const kept = bits >> BigInt(extra);
  const rounded = Number(kept << BigInt(extra) === bits ? kept : kept | 1n);
  const power = Number(exponent.replaceAll('_', '')) - 4 * behind.length + extra;
  // In two steps: the power alone may be beyond what a float holds.
  const half = Math.trunc(Math.max(-4096, Math.min(power, 4096)) / 2);
  const value = rounded === 0 ? 0 : rounded * 2 ** half * 2 ** (power - half);
  return sign === '-' ? -value : value;
}
