import { type Clock, type Rng, systemRng } from '@berth/kit';

/**
 * Names events as client-go does, `OBJECT.NANOSECONDS`: nanoseconds of now, those the clock cannot tell by chance, never
 * the same twice. Without chance two components' events about one object in one millisecond would be one.
 */
export class EventNames {
  readonly #clock: Clock;
  readonly #rng: Rng;
  #last = 0n;

  constructor({ clock, rng = systemRng }: { readonly clock: Clock; readonly rng?: Rng | undefined }) {
    this.#clock = clock;
    this.#rng = rng;
  }

  next(object: string | undefined): string {
    const now = BigInt(Math.floor(this.#clock.now())) * 1_000_000n + BigInt(Math.floor(this.#rng.next() * 1e6));
    this.#last = now > this.#last ? now : this.#last + 1n;
    return `${object}.${this.#last.toString(16)}`;
  }
}
