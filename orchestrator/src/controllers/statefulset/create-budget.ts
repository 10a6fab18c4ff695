/** More than the pods of any node; sets up to this size start as one. */
const burst = 500;
/** Above what the client of Kubernetes' controller manager is limited to (20 a second), below what this process would feel. */
const perSecond = 50;
/** A set that has used up its part comes back for the next after this long. */
export const budgetWaitMs = 500;

/** How many pods a set may still make now: one that asks for a million leaves room for all others. */
export class CreateBudget {
  readonly #spent = new Map<string, { readonly pods: number; readonly atMs: number }>();

  /** Whole pods, from 0 to the burst. */
  left(key: string, nowMs: number): number {
    return Math.floor(burst - this.#owed(key, nowMs));
  }

  spend(key: string, pods: number, nowMs: number): void {
    const owed = this.#owed(key, nowMs) + pods;
    if (owed > 0) this.#spent.set(key, { pods: owed, atMs: nowMs });
    else this.#spent.delete(key);
  }

  forget(key: string): void {
    this.#spent.delete(key);
  }

  #owed(key: string, nowMs: number): number {
    const spent = this.#spent.get(key);
    return spent ? Math.max(0, spent.pods - ((nowMs - spent.atMs) / 1000) * perSecond) : 0;
  }
}
