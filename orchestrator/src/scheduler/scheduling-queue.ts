import type { Clock } from '@berth/kit';
import type { ObjectKey } from '@berth/kube';

interface Waiting {
  readonly priority: number;
  readonly since: number;
}

/** First and longest wait of a pod that found no node (kube-scheduler podInitialBackoffSeconds, podMaxBackoffSeconds). */
const initialBackoffMs = 1000;
const maxBackoffMs = 10_000;

/** Unschedulable pods are tried again after this even if nothing was seen to change (upstream: 5 min). */
const unschedulableRetryMs = 300_000;

/**
 * Pods that want a node: the active ones by priority, then age; those that failed wait for their back-off;
 * those that nothing fits wait for the cluster to change.
 */
export class SchedulingQueue implements Disposable {
  readonly #clock: Clock;
  readonly #wake: () => void;
  readonly #active = new Map<ObjectKey, Waiting>();
  readonly #backingOff = new Map<ObjectKey, Disposable>();
  readonly #unschedulable = new Map<ObjectKey, { timer: Disposable; readyAt: number }>();
  readonly #attempts = new Map<ObjectKey, number>();
  readonly #known = new Map<ObjectKey, Waiting>();
  /** Counts cluster changes, so that one seen during an attempt is not missed. */
  #changes = 0;

  constructor(clock: Clock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  get changes(): number {
    return this.#changes;
  }

  /** How many there are of each. */
  get size(): { readonly active: number; readonly backoff: number; readonly unschedulable: number } {
    return { active: this.#active.size, backoff: this.#backingOff.size, unschedulable: this.#unschedulable.size };
  }

  /** A pod without a node was seen; `updated` when its own spec or gates changed. */
  add(key: ObjectKey, priority: number, since: number): void {
    this.#known.set(key, { priority, since });
    if (this.#backingOff.has(key) || this.#active.has(key)) return;
    this.#leaveUnschedulable(key);
    this.#activate(key);
  }

  remove(key: ObjectKey): void {
    this.#known.delete(key);
    this.#active.delete(key);
    this.#attempts.delete(key);
    this.#backingOff.get(key)?.[Symbol.dispose]();
    this.#backingOff.delete(key);
    this.#leaveUnschedulable(key);
  }

  pop(): ObjectKey | undefined {
    let best: [ObjectKey, Waiting] | undefined;
    for (const entry of this.#active) if (!best || goesFirst(entry[1], best[1])) best = entry;
    if (best) this.#active.delete(best[0]);
    return best?.[0];
  }

  /** Nothing fitted: waits for a change, or for its back-off when one came since `changesBefore`. */
  park(key: ObjectKey, changesBefore: number): void {
    if (!this.#known.has(key)) return;
    const delay = this.#nextDelay(key);
    if (changesBefore !== this.#changes) return this.#backOff(key, delay);
    const timer = this.#clock.schedule(unschedulableRetryMs, () => this.#retry(key));
    this.#unschedulable.set(key, { timer, readyAt: this.#clock.monotonicMs() + delay });
  }

  /** An error on the way: tried again after its back-off. */
  retryLater(key: ObjectKey): void {
    if (this.#known.has(key)) this.#backOff(key, this.#nextDelay(key));
  }

  /** Something changed that may make room: parked pods are tried again, no sooner than their back-off allows. */
  clusterChanged(): void {
    this.#changes++;
    for (const key of [...this.#unschedulable.keys()]) this.#unpark(key);
  }

  /** Something of one pod's own changed, which may help it: like {@link clusterChanged}, for it alone. */
  reconsider(key: ObjectKey): void {
    this.#changes++;
    this.#unpark(key);
  }

  /** The one thing a parked pod was waiting for came (its claim, its volume): no need to wait for the back-off. */
  activateNow(key: ObjectKey): void {
    this.#changes++;
    if (!this.#known.has(key) || this.#active.has(key)) return;
    this.#attempts.delete(key);
    this.#backingOff.get(key)?.[Symbol.dispose]();
    this.#backingOff.delete(key);
    this.#leaveUnschedulable(key);
    this.#activate(key);
  }

  [Symbol.dispose](): void {
    for (const key of [...this.#known.keys()]) this.remove(key);
  }

  #nextDelay(key: ObjectKey): number {
    const attempts = this.#attempts.get(key) ?? 0;
    this.#attempts.set(key, attempts + 1);
    return Math.min(maxBackoffMs, initialBackoffMs * 2 ** attempts);
  }

  #backOff(key: ObjectKey, delayMs: number): void {
    if (delayMs <= 0) return this.#activate(key);
    this.#backingOff.get(key)?.[Symbol.dispose]();
    const timer = this.#clock.schedule(delayMs, () => {
      this.#backingOff.delete(key);
      this.#activate(key);
    });
    this.#backingOff.set(key, timer);
  }

  #unpark(key: ObjectKey): void {
    const parked = this.#unschedulable.get(key);
    if (!parked) return;
    this.#leaveUnschedulable(key);
    this.#backOff(key, parked.readyAt - this.#clock.monotonicMs());
  }

  #retry(key: ObjectKey): void {
    this.#leaveUnschedulable(key);
    this.#activate(key);
  }

  #leaveUnschedulable(key: ObjectKey): void {
    this.#unschedulable.get(key)?.timer[Symbol.dispose]();
    this.#unschedulable.delete(key);
  }

  #activate(key: ObjectKey): void {
    const waiting = this.#known.get(key);
    if (!waiting) return;
    this.#active.set(key, waiting);
    this.#wake();
  }
}

function goesFirst(a: Waiting, b: Waiting): boolean {
  return a.priority !== b.priority ? a.priority > b.priority : a.since < b.since;
}
