import { formatAddress, parseAddress } from '../../../cel/library/ip-address.ts';
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
  if (rest.length > 0 || !/^\d{1,3}$/.test(length)) return undefined;
  const bits = Number(length);
  const mapped = /^::ffff:(?=\d+\.)/i.exec(text)?.[0] ?? '';
  const plain = text.slice(mapped.length).replace(/(^|\.)0+(?=\d)/g, '$1');
  const address = parseAddress(text.includes(':') && mapped === '' ? text : plain);
  if (typeof address === 'string' || bits > (mapped === '' ? address.bits : 128)) return undefined;
  const shown = mapped !== '' && bits > address.bits ? bits - 96 : bits;
  return `${formatAddress(address)}/${shown}`;
}
