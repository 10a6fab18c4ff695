import { isIPv4, isIPv6 } from 'node:net';

export type AddressFamily = 'IPv4' | 'IPv6';

/** Of an address or a range, in the form that Go shows. */
export function familyOf(value: string): AddressFamily {
  return value.includes(':') ? 'IPv6' : 'IPv4';
}

/** Leading zeros are tolerated as upstream's sloppy parser does; the numbers are decimal. */
function sloppy(value: string): string {
  return value.replace(/(^|\.)0+(?=\d)/g, '$1');
}

export function isIpAddress(value: string): boolean {
  return canonicalIp(value) !== undefined;
}

export function isIpv4Address(value: string): boolean {
  return isIPv4(sloppy(value));
}

/** An IPv4 address within IPv6 is none. */
export function isIpv6Address(value: string): boolean {
  return canonicalIp(value)?.includes(':') === true;
}

/** As Go's net.IP shows it: an IPv4 address within IPv6 is an IPv4 address. Undefined: it is none. */
export function canonicalIp(value: string): string | undefined {
  if (isIpv4Address(value)) return sloppy(value);
  if (!isIPv6(value) || value.includes('%')) return undefined;
  const shown = new URL(`http://[${value}]`).hostname.slice(1, -1);
  const [, high, low] = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(shown) ?? [];
  if (high === undefined || low === undefined) return shown;
  return [high, low].flatMap((part) => [Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 255]).join('.');
}

/** The parts of a range. Undefined: it is none. */
export interface Range {
  /** Without the bits that do not count, as Go shows it. */
  readonly network: string;
  readonly address: string;
  readonly bits: 32 | 128;
  readonly isMapped: boolean;
  /** Whether all of its numbers are written without zeros in front. */
  readonly isPlain: boolean;
  /** Whether it says bits that do not count. */
  readonly hasMore: boolean;
}

export function rangeOf(value: string): Range | undefined {
  const [given = '', length = '', ...rest] = value.split('/');
  const address = canonicalIp(given);
  if (address === undefined || rest.length > 0 || !/^\d{1,3}$/.test(length)) return undefined;
  const isMapped = isIpv4Address(address) && given.includes(':');
  const bits = isIpv4Address(address) ? 32 : 128;
  if (Number(length) > (isMapped ? 128 : bits)) return undefined;
  const size = Math.max(Number(length) - (isMapped ? 96 : 0), 0);
  const first = masked(address, bits, size);
  const isPlain = (bits === 128 || isMapped || address === given) && length === String(Number(length));
  return { network: `${first}/${size}`, address, bits, isMapped, isPlain, hasMore: first !== address };
}

/** Whether a range gives such an address out: one of its own that is not the network's nor, of IPv4, the last (servicecidr.PrefixContainsIP). */
export function givesOut(cidr: string, address: string): boolean {
  if (!coversRange(cidr, `${address}/${isIpv4Address(address) ? 32 : 128}`)) return false;
  const [network = '', length] = cidr.split('/');
  const place = bitsOf(address) - bitsOf(network);
  return place !== 0n && !(isIpv4Address(address) && place === (1n << BigInt(32 - Number(length))) - 1n);
}

/** Whether every address of `other` is one of the range. */
export function coversRange(cidr: string, other: string): boolean {
  const [[network = '', length], [first = '', size]] = [cidr.split('/'), other.split('/')];
  const isV4 = isIpv4Address(network);
  if (isV4 !== isIpv4Address(first) || Number(length) > Number(size)) return false;
  const bits = isV4 ? 32 : 128;
  return masked(first, bits, Number(length)) === masked(network, bits, Number(length));
}

function masked(address: string, bits: number, length: number): string {
  const all = bitsOf(address);
  const hidden = BigInt(bits - Math.min(length, bits));
  return addressAt((all >> hidden) << hidden, bits);
}

/** The address as a number. */
export function bitsOf(address: string): bigint {
  if (isIpv4Address(address)) return address.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  const [head = '', tail] = address.split('::').map((part) => part.split(':').filter(Boolean)) as string[][];
  const [before, after] = [[...head], [...(tail ?? [])]];
  const groups = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after];
  return groups.reduce((sum, part) => sum * 65536n + BigInt(`0x${part}`), 0n);
}

/** The address that is this number, of 32 bits or of 128. */
export function addressAt(value: bigint, bits: number): string {
  const part = (index: number, size: number) =>
    (value >> BigInt(bits - size * (index + 1))) & ((1n << BigInt(size)) - 1n);
  if (bits === 32) return [0, 1, 2, 3].map((index) => part(index, 8)).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => part(index, 16).toString(16));
  return canonicalIp(groups.join(':')) as string;
}
