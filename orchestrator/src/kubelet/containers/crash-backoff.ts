import type { Clock } from '@berth/kit';
import type { RuntimeContainer } from '../pods/runtime-pod.ts';

/** 10 s doubling to 5 min (kubelet.go MaxCrashLoopBackOff); forgotten after 10 minutes without a crash. */
const initialMs = 10_000;
const maxMs = 300_000;
const forgottenAfterMs = 2 * maxMs;

interface Entry {
  delayMs: number;
  updatedMs: number;
}

/** How long a container that ended waits for its next start (client-go flowcontrol.Backoff as kuberuntime uses it). */
export class CrashBackoff {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `{ leftMs, delayMs }` while it has to wait, undefined when it may start now. */
  waiting(key: string, ended: RuntimeContainer): { leftMs: number; delayMs: number } | undefined {
    const entry = this.#entries.get(key) ?? this.#rederive(key, ended);
    if (!entry || ended.finishedAtMs - entry.updatedMs > forgottenAfterMs) return undefined;
    // An end that is still to come was before the clock was set back: nobody knows how long ago.
    const sinceMs = this.#clock.now() - ended.finishedAtMs;
    const leftMs = sinceMs < 0 ? 0 : entry.delayMs - sinceMs;
    return leftMs > 0 ? { leftMs, delayMs: entry.delayMs } : undefined;
  }

  /** The container is started again: its next end waits longer. */
  restarted(key: string): void {
    const updatedMs = this.#clock.now();
    const entry = this.#entries.get(key);
    const fresh = !entry || updatedMs - entry.updatedMs > forgottenAfterMs;
    this.#entries.set(key, { delayMs: fresh ? initialMs : Math.min(maxMs, entry.delayMs * 2), updatedMs });
  }

  forget(prefix: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) this.#entries.delete(key);
  }

  /** After a restart of this process the number of restarts tells the delay; a long run has reset it. */
  #rederive(key: string, { restartCount, startedAtMs, finishedAtMs }: RuntimeContainer): Entry | undefined {
    if (restartCount === 0 || finishedAtMs - startedAtMs > forgottenAfterMs) return undefined;
    const delayMs = Math.min(maxMs, initialMs * 2 ** Math.min(restartCount - 1, 30));
    const entry = { delayMs, updatedMs: startedAtMs };
    this.#entries.set(key, entry);
    return entry;
  }
}
