import { goQuote } from '@berth/kube';
import { CelType } from '../language/cel-type.ts';
import { declare, type FunctionDeclaration } from '../language/declarations.ts';
import { CelError } from '../values/cel-error.ts';
import type { Opaque } from '../values/opaque.ts';
import type { Result, Value } from '../values/value.ts';
import {
  type Address,
  formatAddress,
  isFourInSix,
  maskedAddress,
  parseAddress,
  parseGoAddress,
  sharesPrefix,
} from './ip-address.ts';

export const ipType = new CelType('opaque', 'net.IP');
export const cidrType = new CelType('opaque', 'net.CIDR');

class IpValue implements Opaque {
  readonly opaque = ipType;
  readonly address: Address;

  constructor(address: Address) {
    this.address = address;
  }

  get size(): bigint {
    return BigInt(this.address.bits / 8);
  }

  equals(other: Opaque): boolean {
    return (
      other instanceof IpValue && other.address.bits === this.address.bits && other.address.value === this.address.value
    );
  }

  toString(): string {
    return formatAddress(this.address);
  }
}

class CidrValue implements Opaque {
  readonly opaque = cidrType;
  readonly address: Address;
  readonly length: number;

  constructor(address: Address, length: number) {
    this.address = address;
    this.length = length;
  }

  get size(): bigint {
    return BigInt(Math.ceil(this.length / 8));
  }

  equals(other: Opaque): boolean {
    return (
      other instanceof CidrValue &&
      other.length === this.length &&
      new IpValue(other.address).equals(new IpValue(this.address))
    );
  }

  toString(): string {
    return `${formatAddress(this.address)}/${this.length}`;
  }
}

function ip(text: Value): IpValue | CelError {
  const address = parseAddress(text as string);
  if (typeof address === 'string') return new CelError(address);
  return new IpValue(address);
}

function cidr(text: Value): CidrValue | CelError {
  const network = parseNetwork(text as string);
  if (typeof network !== 'string') return network;
  return new CelError(`network address parse error during conversion from string: ${network}`);
}

/** As Go's netip.ParsePrefix, without IPv4 in IPv6. */
function parseNetwork(text: string): CidrValue | string {
  const go = (problem: string) =>
    `network address parse error during conversion from string: netip.ParsePrefix(${goQuote(text)}): ${problem}`;
  const slash = text.lastIndexOf('/');
  if (slash < 0) return go("no '/'");
  const address = parseGoAddress(text.slice(0, slash));
  if (typeof address === 'string') return go(address);
  if (address.zone !== '') return go('IPv6 zones cannot be present in a prefix');
  const length = text.slice(slash + 1);
  // No more digits than an int has.
  if (!/^(0|[1-9]\d{0,17})$/.test(length)) return go(`bad bits after slash: ${goQuote(length)}`);
  if (Number(length) > address.bits) return go('prefix length out of range');
  if (isFourInSix(address)) return `IPv4-mapped IPv6 address ${goQuote(text)} is not allowed`;
  return new CidrValue(address, Number(length));
}

const addressOf = (value: Value | undefined): Address => (value as IpValue).address;

function containsIp(network: Value, inner: Result): Result {
  if (inner instanceof CelError) return new CelError('no such overload');
  const { address, length } = network as CidrValue;
  return sharesPrefix(address, addressOf(inner), length);
}

function containsCidr(network: Value, inner: Result): Result {
  if (inner instanceof CelError) return inner;
  const { address, length } = network as CidrValue;
  const other = inner as CidrValue;
  return length <= other.length && sharesPrefix(address, other.address, length);
}

function isCanonical(text: Value): Result {
  const parsed = ip(text);
  return parsed instanceof CelError ? parsed : String(parsed) === text;
}

/** Ranges by their first bits. */
function within(four: readonly (readonly [bigint, number])[], six: readonly (readonly [bigint, number])[]) {
  return (value: Value | undefined): boolean => {
    const address = addressOf(value);
    const ranges = address.bits === 32 ? four : six;
    return ranges.some(([start, length]) => sharesPrefix(address, { bits: address.bits, value: start }, length));
  };
}

const unspecified = within([[0n, 32]], [[0n, 128]]);
const loopback = within([[0x7f000000n, 8]], [[1n, 128]]);
const linkLocalUnicast = within([[0xa9fe0000n, 16]], [[0xfe80n << 112n, 10]]);
const multicast = within([[0xe0000000n, 4]], [[0xffn << 120n, 8]]);
const linkLocalMulticast = within([[0xe0000000n, 24]], []);
const broadcast = within([[0xffffffffn, 32]], []);

function isLinkLocalMulticast(value: Value | undefined): boolean {
  const { bits, value: number } = addressOf(value);
  return bits === 32 ? linkLocalMulticast(value) : number >> 120n === 0xffn && ((number >> 112n) & 0xfn) === 2n;
}

function isGlobalUnicast(value: Value | undefined): boolean {
  return ![unspecified, loopback, multicast, linkLocalUnicast, broadcast].some((is) => is(value));
}

const self = 'net.IP';
const net = 'net.CIDR';
const show = (value: Value | undefined): Result => String(value);

/** Kubernetes' addresses and networks. */
export const addresses: readonly FunctionDeclaration[] = [
  declare('ip', {
    string_to_ip: [`(string): @${self}`, ip],
    cidr_ip: [`@${net}.(): @${self}`, (value) => new IpValue((value as CidrValue).address)],
  }),
  declare('family', { ip_family: [`@${self}.(): int`, (value) => (addressOf(value).bits === 32 ? 4n : 6n)] }),
  declare('ip.isCanonical', { ip_is_canonical: ['(string): bool', isCanonical] }),
  declare('isUnspecified', { ip_is_unspecified: [`@${self}.(): bool`, unspecified] }),
  declare('isLoopback', { ip_is_loopback: [`@${self}.(): bool`, loopback] }),
  declare('isLinkLocalMulticast', { ip_is_link_local_multicast: [`@${self}.(): bool`, isLinkLocalMulticast] }),
  declare('isLinkLocalUnicast', { ip_is_link_local_unicast: [`@${self}.(): bool`, linkLocalUnicast] }),
  declare('isGlobalUnicast', { ip_is_global_unicast: [`@${self}.(): bool`, isGlobalUnicast] }),
  declare('isIP', { is_ip: ['(string): bool', (text) => !(ip(text as Value) instanceof CelError)] }),
  declare('cidr', { string_to_cidr: [`(string): @${net}`, cidr] }),
  declare('isCIDR', { is_cidr: ['(string): bool', (text) => !(cidr(text as Value) instanceof CelError)] }),
  declare('containsIP', {
    cidr_contains_ip_string: [`@${net}.(string): bool`, (a, b) => containsIp(a as Value, ip(b as Value))],
    cidr_contains_ip_ip: [`@${net}.(@${self}): bool`, (a, b) => containsIp(a as Value, b as Value)],
  }),
  declare('containsCIDR', {
    cidr_contains_cidr_string: [`@${net}.(string): bool`, (a, b) => containsCidr(a as Value, cidr(b as Value))],
    cidr_contains_cidr: [`@${net}.(@${net}): bool`, (a, b) => containsCidr(a as Value, b as Value)],
  }),
  declare('prefixLength', { cidr_prefix_length: [`@${net}.(): int`, (value) => BigInt((value as CidrValue).length)] }),
  declare('masked', {
    cidr_masked: [
      `@${net}.(): @${net}`,
      (value) =>
        new CidrValue(
          maskedAddress((value as CidrValue).address, (value as CidrValue).length),
          (value as CidrValue).length,
        ),
    ],
  }),
  declare('string', { ip_to_string: [`(@${self}): string`, show], cidr_to_string: [`(@${net}): string`, show] }),
];
