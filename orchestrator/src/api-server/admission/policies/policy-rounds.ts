import type { AnyObject } from '../../resource-definition.ts';
import type { Reinvocation } from '../reinvocation.ts';

/** Which policies are run once more when something changed after them. */
export class PolicyRounds {
  readonly #called = new Set<string>();
  readonly #again = new Set<string>();
  /** Whether anything was applied in this round, also what changed nothing. */
  isApplied = false;
  /** The object as the policies left it. */
  output: AnyObject | undefined;

  /** Kept with the request from one round to the next. */
  static of({ kept }: Reinvocation): PolicyRounds {
    const known = (kept.get('MutatingAdmissionPolicy') as PolicyRounds | undefined) ?? new PolicyRounds();
    kept.set('MutatingAdmissionPolicy', known);
    return known;
  }

  called(key: string): void {
    this.#called.add(key);
  }

  changed(): void {
    for (const key of this.#called) this.#again.add(key);
    this.#called.clear();
  }

  calls(key: string): boolean {
    return this.#again.has(key);
  }
}
