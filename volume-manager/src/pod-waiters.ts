/** Those who wait for something about a pod; they look again whenever it may have changed. */
export class PodWaiters {
  readonly #waiters = new Map<string, Set<() => void>>();

  wake(podUid: string): void {
    for (const look of [...(this.#waiters.get(podUid) ?? [])]) look();
  }

  /** Resolves once `isTrue` is. @throws the signal's reason when it aborts first. */
  until(podUid: string, isTrue: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const looks = this.#waiters.get(podUid) ?? new Set();
      const end = () => {
        looks.delete(look);
        if (looks.size === 0) this.#waiters.delete(podUid);
        signal.removeEventListener('abort', onAbort);
      };
      const look = () => {
        if (!isTrue()) return;
        end();
        resolve();
      };
      const onAbort = () => {
        end();
        reject(signal.reason);
      };
      if (signal.aborted) return reject(signal.reason);
      this.#waiters.set(podUid, looks.add(look));
      signal.addEventListener('abort', onAbort, { once: true });
      look();
    });
  }
}
