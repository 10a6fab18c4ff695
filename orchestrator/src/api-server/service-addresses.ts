import type { Clock, Rng } from '@berth/kit';

/** A reservation not yet seen as stored is given up after this. */
const reservedForMs = 60_000;

/** How much of a range, its lower part, is for Services that ask for an address (KEP-3070, calculateRangeOffset). */
const asked = { atLeast: 16, atMost: 256, share: 16 } as const;

/** A range of IPv4 addresses: `10.96.0.0/12`. */
export class AddressRange {
  readonly cidr: string;
  readonly #base: number;
  readonly #size: number;

  /** @throws Error – not an IPv4 CIDR. */
  constructor(cidr: string) {
    const match = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(cidr);
    const bits = Number(match?.[2]);
    const address = match ? numberOf(match[1] as string) : undefined;
    if (address === undefined || !(bits <= 32))
      throw new Error(`service range ${JSON.stringify(cidr)}: expected an IPv4 range such as 10.96.0.0/16`);
    this.cidr = cidr;
    this.#size = 2 ** (32 - bits);
    this.#base = Math.floor(address / this.#size) * this.#size;
  }

  /** The address `index` places after the range's network address. */
  at(index: number): string {
    return textOf(this.#base + index);
  }

  /** Addresses that can be given out: not the network's nor the last one. */
  get usable(): number {
    return Math.max(this.#size - 2, 0);
  }

  includes(address: string): boolean {
    const value = numberOf(address);
    return value !== undefined && value > this.#base && value < this.#base + this.#size - 1;
  }

  /** All that can be given out, in the order in which one is looked for: from anywhere in the upper part on, then in the lower one. */
  *inAnyOrder(rng: Rng): Generator<string> {
    const lower = this.#lower;
    for (const { first, count } of [
      { first: 1 + lower, count: this.usable - lower },
      { first: 1, count: lower },
    ]) {
      const start = Math.floor(rng.next() * count);
      for (let i = 0; i < count; i++) yield this.at(first + ((start + i) % count));
    }
  }

  get #lower(): number {
    const { atLeast, atMost, share } = asked;
    return this.#size <= atLeast ? 0 : Math.min(Math.max(atLeast, Math.floor(this.#size / share)), atMost);
  }
}

function numberOf(address: string): number | undefined {
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !(part >= 0 && part <= 255))) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

function textOf(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

/** Values that one object at most may have, followed from the store; what was just given out is held until it is seen there. */
export class Pool<T> {
  readonly #clock: Clock;
  readonly #used = new Map<T, string>();
  readonly #reserved = new Map<T, { readonly until: number; readonly holder: string }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  use(value: T, owner: string): void {
    this.#used.set(value, owner);
    this.#reserved.delete(value);
  }

  release(value: T, owner: string): void {
    if (this.#used.get(value) === owner) this.#used.delete(value);
  }

  /** Forgets what is used, but not what was just given out. */
  clear(): void {
    this.#used.clear();
  }

  /** For `holder`, who may try again what it tried before. */
  isFree(value: T, holder = ''): boolean {
    const reserved = this.#reserved.get(value);
    const isHeld = reserved && reserved.until > this.#clock.now() && !(holder && reserved.holder === holder);
    return !this.#used.has(value) && !isHeld;
  }

  isUsed(value: T): boolean {
    return this.#used.has(value);
  }

  /** False: another has it. */
  reserve(value: T, holder = ''): boolean {
    if (!this.isFree(value, holder)) return false;
    this.#reserved.set(value, { until: this.#clock.now() + reservedForMs, holder });
    return true;
  }

  /** What `holder` reserved, and needs no more. */
  giveUp(value: T, holder: string): void {
    if (this.#reserved.get(value)?.holder === holder) this.#reserved.delete(value);
  }
}
