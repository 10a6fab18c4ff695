import { type Address, formatAddress, parseAddress, parseSix } from '../../../cel/library/ip-address.ts';
import type { FieldError } from '../../resource-definition.ts';
import { invalid } from '../field.ts';

/** An interface's address with the length of its network's prefix, in canonical form (IsValidInterfaceAddress). */
export function interfaceAddressErrors(value: string, field: string): FieldError[] {
  const canonical = canonicalInterfaceAddress(value);
  if (canonical === undefined)
    return [invalid(field, value, 'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)')];
  return value === canonical ? [] : [invalid(field, value, `must be in canonical form (${JSON.stringify(canonical)})`)];
}

/** Leading zeros are read as Go once read them, and IPv4 in IPv6 is IPv4. */
function canonicalInterfaceAddress(value: string): string | undefined {
  const [text = '', length = '', ...rest] = value.split('/');
  const address = addressOf(text);
  if (rest.length > 0 || !/^\d{1,3}$/.test(length) || !address) return undefined;
  const bits = Number(length);
  if (bits > (text.includes(':') ? 128 : 32)) return undefined;
  return `${formatAddress(address)}/${bits > address.bits ? bits - 96 : bits}`;
}

function addressOf(text: string): Address | undefined {
  if (!text.includes(':')) {
    const address = parseAddress(text.replace(/(^|\.)0+(?=\d)/g, '$1'));
    return typeof address === 'string' ? undefined : address;
  }
  const six = parseSix(text);
  if (typeof six === 'string') return undefined;
  return six >> 32n === 0xffffn ? { bits: 32, value: six & 0xffffffffn } : { bits: 128, value: six };
}
