import { canonicalIp, isIpv4Address, rangeOf } from './ip-form.ts';

/** An address that is written as it should not be (apimachinery GetWarningsForIP); what is none, validation refuses. */
export function ipWarnings(value: string, field: string): string[] {
  const shown = canonicalIp(value);
  if (shown === undefined || shown === value) return [];
  if (isIpv4Address(shown))
    return [`${field}: non-standard IP address ${JSON.stringify(value)} is invalid: use "${shown}"`];
  return [`${field}: IPv6 address ${JSON.stringify(value)} should be in RFC 5952 canonical format ("${shown}")`];
}

/** The same of a range, which also may say bits that do not count (GetWarningsForCIDR). */
export function cidrWarnings(value: string, field: string): string[] {
  const range = rangeOf(value);
  if (!range) return [];
  const { network, address, bits, isMapped, isPlain, hasMore } = range;
  const told = `CIDR value ${JSON.stringify(value)}`;
  const single = `${address}/${isMapped ? 128 : bits}`;
  const isStandard = isPlain && !isMapped;
  return [
    ...(hasMore ? [`${field}: ${told} is ambiguous in this context (should be "${network}" or "${single}"?)`] : []),
    ...(isStandard ? [] : [`${field}: non-standard ${told} is invalid: use "${network}"`]),
    ...(!hasMore && isStandard && network !== value
      ? [`${field}: IPv6 ${told} should be in RFC 5952 canonical format ("${network}")`]
      : []),
  ];
}
