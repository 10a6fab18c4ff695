import { goQuote } from '@berth/kube';

/** An address as a number. */
export interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/** An address in IPv6's form may be one of IPv4 in it, and have a zone. */
export interface ParsedAddress extends Address {
  readonly zone: string;
}

/** As Go's netip.ParseAddr; else its complaint. */
export function parseGoAddress(text: string): ParsedAddress | string {
  const told = (problem: string) => `ParseAddr(${goQuote(text)}): ${problem}`;
  const mark = /[.:%]/.exec(text)?.[0];
  if (mark === undefined) return told('unable to parse IP');
  if (mark === '%') return told('missing IPv6 address');
  const [zoneAt, isFour] = [text.indexOf('%'), mark === '.'];
  const zone = zoneAt < 0 || isFour ? '' : text.slice(zoneAt + 1);
  if (!isFour && zoneAt >= 0 && zone === '') return told('zone must be a non-empty string');
  const head = isFour || zoneAt < 0 ? text : text.slice(0, zoneAt);
  const value = isFour ? parseFour(head) : parseSix(head);
  return typeof value === 'string' ? told(value) : { bits: isFour ? 32 : 128, value, zone };
}

export function isFourInSix({ bits, value }: Address): boolean {
  return bits === 128 && value >> 32n === 0xffffn;
}

/** Without zones and without IPv4 in IPv6; else what is wrong, in Kubernetes' words. */
export function parseAddress(text: string): Address | string {
  const address = parseGoAddress(text);
  const quoted = goQuote(text);
  if (typeof address === 'string') return `IP Address ${quoted} parse error during conversion from string: ${address}`;
  if (address.zone !== '') return `IP address ${quoted} with zone value is not allowed`;
  return isFourInSix(address) ? `IPv4-mapped IPv6 address ${quoted} is not allowed` : address;
}

const at = (problem: string, rest: string) => `${problem} (at ${goQuote(rest)})`;

function parseFour(text: string): bigint | string {
  const fields: number[] = [0];
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const sign = text[i] as string;
    if (/\d/.test(sign)) {
      const value = fields[fields.length - 1] as number;
      if (digits === 1 && value === 0) return 'IPv4 field has octet with leading zero';
      fields[fields.length - 1] = value * 10 + Number(sign);
      digits++;
      if (value * 10 + Number(sign) > 255) return 'IPv4 field has value >255';
    } else if (sign === '.') {
      if (digits === 0 || i === text.length - 1) return at('IPv4 field must have at least one digit', text.slice(i));
      if (fields.length === 4) return 'IPv4 address too long';
      fields.push(0);
      digits = 0;
    } else {
      return at('unexpected character', text.slice(i));
    }
  }
  if (fields.length < 4) return 'IPv4 address too short';
  return fields.reduce((value, field) => (value << 8n) | BigInt(field), 0n);
}

/** An IPv6 address, IPv4 in IPv6 too; else what is wrong with it, as Go's netip finds it. */
export function parseSix(text: string): bigint | string {
  const fields: bigint[] = [];
  let gap = -1;
  let rest = text;
  if (rest.startsWith('::')) {
    gap = 0;
    rest = rest.slice(2);
    if (rest === '') return 0n;
  }
  while (fields.length < 8) {
    const digits = /^[0-9a-fA-F]{0,5}/.exec(rest)?.[0] ?? '';
    if (digits.length > 4) return at('each group must have 4 or less digits', rest);
    if (digits === '') return at('each colon-separated field must have at least one digit', rest);
    if (rest[digits.length] === '.') {
      if (gap < 0 && fields.length !== 6)
        return at('embedded IPv4 address must replace the final 2 fields of the address', rest);
      if (fields.length > 6) return at('too many hex fields to fit an embedded IPv4 at the end of the address', rest);
      const four = parseFour(rest);
      if (typeof four === 'string') return four;
      fields.push(four >> 16n, four & 0xffffn);
      rest = '';
      break;
    }
    fields.push(BigInt(`0x${digits}`));
    rest = rest.slice(digits.length);
    if (rest === '') break;
    if (!rest.startsWith(':')) return at('unexpected character, want colon', rest);
    if (rest === ':') return at('colon must be followed by more characters', rest);
    rest = rest.slice(1);
    if (!rest.startsWith(':')) continue;
    if (gap >= 0) return at('multiple :: in address', rest);
    gap = fields.length;
    rest = rest.slice(1);
    if (rest === '') break;
  }
  if (rest !== '') return at('trailing garbage after address', rest);
  if (fields.length < 8 && gap < 0) return 'address string too short';
  if (fields.length === 8 && gap >= 0) return 'the :: must expand to at least one field of zeros';
  if (gap >= 0) fields.splice(gap, 0, ...Array.from({ length: 8 - fields.length }, () => 0n));
  return fields.reduce((value, field) => (value << 16n) | field, 0n);
}

/** The canonical text: RFC 5952. */
export function formatAddress({ bits, value }: Address): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
  const fields = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  let best = { start: -1, length: 1 };
  for (let i = 0; i < 8; i++) {
    let end = i;
    while (end < 8 && fields[end] === '0') end++;
    if (end - i > best.length) best = { start: i, length: end - i };
    i = Math.max(i, end - 1);
  }
  if (best.start < 0) return fields.join(':');
  return `${fields.slice(0, best.start).join(':')}::${fields.slice(best.start + best.length).join(':')}`;
}

/** Whether both begin with the same bits. */
export function sharesPrefix(a: Address, b: Address, length: number): boolean {
  const shift = BigInt(a.bits - length);
  return a.bits === b.bits && a.value >> shift === b.value >> shift;
}

export function maskedAddress({ bits, value }: Address, length: number): Address {
  const shift = BigInt(bits - length);
  return { bits, value: (value >> shift) << shift };
}
