import type { Value } from './value.ts';

/** `optional.of(x)`, `optional.none()` */
export class Optional {
  readonly #value: Value | undefined;

  constructor(value?: Value) {
    this.#value = value;
  }

  get value(): Value | undefined {
    return this.#value;
  }

  get present(): boolean {
    return this.#value !== undefined;
  }
}

export const none = new Optional();
