import { randomFillSync, randomUUID } from 'node:crypto';

/** Chance as a dependency, so that a simulation can be replayed from its seed. */
export interface Rng {
  /** A float in [0, 1). */
  next(): number;
  /** A version-4 UUID. */
  uuid(): string;
}

/** Four bytes cost nearly as much to get as a thousand: a name's suffix alone takes five numbers. */
class SystemRng implements Rng {
  readonly #pool = new Uint32Array(256);
  #at = this.#pool.length;

  next(): number {
    if (this.#at === this.#pool.length) {
      randomFillSync(this.#pool);
      this.#at = 0;
    }
    return (this.#pool[this.#at++] as number) / 2 ** 32;
  }

  uuid(): string {
    return randomUUID();
  }
}

export const systemRng: Rng = new SystemRng();

/** A reproducible Rng (mulberry32): the same seed gives the same run. */
export function seededRng(seed: number): Rng {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const hex = (digits: number) => Array.from({ length: digits }, () => Math.floor(next() * 16).toString(16)).join('');
  return { next, uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}` };
}

/** Letters and digits that form no words: what Kubernetes uses for generated names (apimachinery util/rand). */
const safeAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** `length` characters of Kubernetes' name-suffix alphabet. */
export function randomSuffix(rng: Rng, length = 5): string {
  return Array.from({ length }, () => safeAlphabet[Math.floor(rng.next() * safeAlphabet.length)]).join('');
}
