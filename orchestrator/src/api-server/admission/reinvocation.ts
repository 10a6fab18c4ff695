/**
 * Whether a request's mutating plugins run a second time: they do, once, where one that reaches out of the server changed
 * the object after the others had seen it (apiserver admission/reinvocation).
 */
export class Reinvocation {
  #kept: Map<string, unknown> | undefined;
  #wanted = false;
  #again = false;

  /** What plugins keep about this request between the rounds, by their names. */
  get kept(): Map<string, unknown> {
    this.#kept ??= new Map();
    return this.#kept;
  }

  /** True in the second round. */
  get again(): boolean {
    return this.#again;
  }

  want(): void {
    this.#wanted = true;
  }

  /** Begins the second round, where one is wanted. */
  begin(): boolean {
    this.#again = this.#wanted;
    return this.#again;
  }
}
