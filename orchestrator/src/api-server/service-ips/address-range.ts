import type { Rng } from '@berth/kit';
import { type AddressFamily, addressAt, bitsOf, familyOf, givesOut, rangeOf } from '../resources/ip-form.ts';
import { upperFirst } from './upper-first.ts';

/** Of addresses (ipallocator calculateRangeOffset). */
const lower = { share: 16, atLeast: 16, atMost: 256 } as const;

/** Upstream gives nothing out of a longer one (ipallocator NewIPAllocator). */
const longestBits = 64;

/** A range of addresses: `10.96.0.0/12`, `fd00:10::/108`. */
export class AddressRange {
  /** Without the bits that do not count. */
  readonly cidr: string;
  readonly family: AddressFamily;
  readonly #base: bigint;
  /** How many of an address's bits it leaves open. */
  readonly #open: number;

  /** @throws Error – not a CIDR. */
  constructor(cidr: string) {
    const range = rangeOf(cidr);
    if (!range) throw new Error(`service range ${JSON.stringify(cidr)}: expected a range such as 10.96.0.0/16`);
    const [network = '', length] = range.network.split('/');
    this.cidr = range.network;
    this.family = familyOf(network);
    this.#base = bitsOf(network);
    this.#open = (this.family === 'IPv4' ? 32 : 128) - Number(length);
  }

  get size(): bigint {
    return 1n << BigInt(this.#open);
  }

  /** Whether there is anything to give out of it. */
  get isServed(): boolean {
    return this.#open <= longestBits;
  }

  /** The address `index` places after the range's network address. */
  at(index: bigint): string {
    return addressAt(this.#base + index, this.family === 'IPv4' ? 32 : 128);
  }

  includes(address: string): boolean {
    return givesOut(this.cidr, address);
  }

  /** How many can be given out: not the network's nor, of IPv4, the last one. */
  get usable(): bigint {
    const withheld = this.family === 'IPv4' ? 2n : 1n;
    return this.size > withheld ? this.size - withheld : 0n;
  }

  /** All that can be given out, in the order in which one is looked for. */
  *inAnyOrder(rng: Rng): Generator<string> {
    const { size, usable } = this;
    for (const place of upperFirst({ size, usable, lower, rng })) yield this.at(1n + place);
  }
}
