import { type Integer, isInt64 } from '@berth/kit';

/**
 * A float as Go's `%g` (and `%v`) prints it: the fewest digits that mean it, with an exponent below 1e-04 and from 1e+06 on.
 * `bits` 32: as few as tell it from other floats of that size.
 */
export function goFloat(exact: number, bits: 32 | 64 = 64): string {
  const value = bits === 32 ? Math.fround(exact) : exact;
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const [digits = '', exponent = '0'] = shortest(Math.abs(value), bits).split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return sign + String(Number(`${digits}e${exponent}`));
  return `${sign}${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}

/** A number of JSON as Go prints it: an integer of 64 bits is no float. */
export function goNumber(value: Integer): string {
  return isInt64(value) ? String(value) : goFloat(value);
}

/** `d.ddde±x` */
function shortest(value: number, bits: 32 | 64): string {
  if (bits === 64) return value.toExponential();
  let precision = 0;
  while (precision < 9 && Math.fround(Number(value.toExponential(precision))) !== value) precision++;
  return value.toExponential(precision);
}
