import { isIP, isIPv4 } from 'node:net';
import type { FieldError } from '../resource-definition.ts';
import { invalid } from './field.ts';

/** Leading zeros are tolerated as upstream's sloppy parser does; the numbers are decimal. */
function sloppy(value: string): string {
  return value.replace(/(^|\.)0+(?=\d)/g, '$1');
}

export function isIpAddress(value: string): boolean {
  return isIP(value) !== 0 || isIPv4(sloppy(value));
}

export function isIpv4Address(value: string): boolean {
  return isIPv4(sloppy(value));
}

/** An address where addresses were once checked loosely (IsValidIPForLegacyField). */
export function validateIp(value: string, field: string): FieldError[] {
  return isIpAddress(value)
    ? []
    : [invalid(field, value, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')];
}

export function validateCidr(value: string, field: string): FieldError[] {
  const [address = '', length = '', ...rest] = value.split('/');
  const longest = isIpv4Address(address) ? 32 : 128;
  const valid = rest.length === 0 && isIpAddress(address) && /^\d{1,3}$/.test(length) && Number(length) <= longest;
  return valid ? [] : [invalid(field, value, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')];
}

/** Addresses no endpoint can have: unspecified, loopback, link-local (ValidateEndpointIP). */
export function validateEndpointIp(value: string, field: string): FieldError[] {
  if (!isIpAddress(value)) return [invalid(field, value, 'must be a valid IP address')];
  const address = isIpv4Address(value) ? sloppy(value) : value.toLowerCase();
  const rules: readonly (readonly [RegExp, string])[] = [
    [/^(0\.0\.0\.0|[0:]+)$/, `may not be unspecified (${value})`],
    [/^(127\.|(0*:)+0*1$)/, 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
    [/^(169\.254\.|fe[89ab][0-9a-f]:)/, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'],
    [/^(224\.0\.0\.|ff[0-9a-f]2:)/, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'],
  ];
  return rules.filter(([pattern]) => pattern.test(address)).map(([, text]) => invalid(field, value, text));
}
