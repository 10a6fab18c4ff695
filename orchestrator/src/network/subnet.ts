import { isIPv4 } from 'node:net';
import { CodedError } from '@berth/kit';

export interface Subnet {
  readonly cidr: string;
  readonly gateway: string;
  readonly prefix: number;
}

/** @throws CodedError Invalid – not an IPv4 range with room for pods. */
export function parseSubnet(text: string): Subnet {
  const [address = '', bits = ''] = text.split('/');
  const prefix = Number(bits);
  if (!isIPv4(address) || !/^\d+$/.test(bits) || prefix < 8 || prefix > 29) {
    throw new CodedError('Invalid', `pod subnet "${text}": an IPv4 range from /8 to /29 is needed, e.g. 10.85.0.0/24`);
  }
  const size = 2 ** (32 - prefix);
  const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const first = Math.floor(number / size) * size;
  return { cidr: `${dotted(first)}/${prefix}`, gateway: dotted(first + 1), prefix };
}

function dotted(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
}
