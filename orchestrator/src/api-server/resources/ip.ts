import type { FieldError } from '../resource-definition.ts';
import { invalid } from './field.ts';
import { canonicalIp, isIpAddress, isIpv4Address, rangeOf } from './ip-form.ts';

/** An address that no two readers take for different ones (IsValidIPForLegacyField with StrictIPCIDRValidation). */
export function validateIp(value: string, field: string): FieldError[] {
  if (!isIpAddress(value))
    return [invalid(field, value, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')];
  if (!isIpv4Address(canonicalIp(value) as string) || canonicalIp(value) === value) return [];
  const why = value.includes(':') ? 'must not be an IPv4-mapped IPv6 address' : 'must not have leading 0s';
  return [invalid(field, value, why)];
}

/** The same, in the one form there is of it (IsValidIP). */
export function validateCanonicalIp(value: string, field: string): FieldError[] {
  const errors = validateIp(value, field);
  const shown = canonicalIp(value);
  return errors.length > 0 || shown === value
    ? errors
    : [invalid(field, value, `must be in canonical form ("${shown}")`)];
}

/** A range, as IsValidCIDRForLegacyField has it with StrictIPCIDRValidation. */
export function validateCidr(value: string, field: string): FieldError[] {
  const range = rangeOf(value);
  if (!range) return [invalid(field, value, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')];
  if (!range.isPlain) return [invalid(field, value, 'must not have leading 0s in IP or prefix length')];
  if (range.isMapped) return [invalid(field, value, 'must not have an IPv4-mapped IPv6 address')];
  return range.hasMore ? [invalid(field, value, 'must not have bits set beyond the prefix length')] : [];
}

/** The same, in the one form there is of it (IsValidCIDR). */
export function validateCanonicalCidr(value: string, field: string): FieldError[] {
  const errors = validateCidr(value, field);
  const network = rangeOf(value)?.network;
  return errors.length > 0 || network === value
    ? errors
    : [invalid(field, value, `must be in canonical form ("${network}")`)];
}

/** Addresses no endpoint can have: unspecified, loopback, link-local (ValidateEndpointIP). */
export function validateEndpointIp(value: string, field: string): FieldError[] {
  if (!isIpAddress(value)) return [invalid(field, value, 'must be a valid IP address')];
  const address = canonicalIp(value) as string;
  const rules: readonly (readonly [RegExp, string])[] = [
    [/^(0\.0\.0\.0|[0:]+)$/, `may not be unspecified (${value})`],
    [/^(127\.|(0*:)+0*1$)/, 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
    [/^(169\.254\.|fe[89ab][0-9a-f]:)/, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'],
    [/^(224\.0\.0\.|ff[0-9a-f]2:)/, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'],
  ];
  return rules.filter(([pattern]) => pattern.test(address)).map(([, text]) => invalid(field, value, text));
}
