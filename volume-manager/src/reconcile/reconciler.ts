import type { Clock } from '@berth/kit';
import type { ActualVolume } from '../actual-world/actual-volume.ts';
import type { Executor } from '../executor/executor.ts';
import type { UniqueVolumeName } from '../volume-spec.ts';
import type { Operation } from './operation.ts';
import { type DesiredVolume, plan } from './plan.ts';

export interface ReconcilerOptions {
  readonly clock: Clock;
  readonly executor: Executor;
  readonly desired: (name: UniqueVolumeName) => DesiredVolume;
  readonly actual: (name: UniqueVolumeName) => ActualVolume | undefined;
  readonly signal: AbortSignal;
}

/**
 * Works on every volume by itself, one operation at a time, whenever something about it changed: a volume whose driver hangs
 * waits for that driver and for nothing else, and no other volume waits for it.
 */
export class Reconciler implements AsyncDisposable {
  readonly #options: ReconcilerOptions;
  readonly #running = new Map<UniqueVolumeName, Promise<void>>();
  readonly #again = new Set<UniqueVolumeName>();
  readonly #timers = new Map<UniqueVolumeName, Disposable>();

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** Something about the volume may have changed. */
  kick(name: UniqueVolumeName): void {
    if (this.#options.signal.aborted) return;
    if (this.#running.has(name)) {
      this.#again.add(name);
      return;
    }
    this.#timers.get(name)?.[Symbol.dispose]();
    this.#timers.delete(name);
    this.#running.set(name, this.#settle(name));
  }

  /** Waits for what is running; with the signal aborted nothing new starts. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers.values()) timer[Symbol.dispose]();
    this.#timers.clear();
    await Promise.all(this.#running.values());
  }

  async #settle(name: UniqueVolumeName): Promise<void> {
    // Changes of one tick (a pod with ten volumes, a deletion and its successor) are planned together.
    await Promise.resolve();
    while (!this.#options.signal.aborted) {
      this.#again.delete(name);
      const operation = this.#next(name);
      if (operation) await this.#options.executor.run(name, operation, this.#options.signal);
      else if (!this.#again.has(name)) break;
    }
    this.#running.delete(name);
  }

  /** The first operation that may start; undefined after arming a timer for the first one that has to wait. */
  #next(name: UniqueVolumeName): Operation | undefined {
    const { executor, desired, actual, clock } = this.#options;
    const waits: number[] = [];
    for (const operation of plan(desired(name), actual(name))) {
      const waitMs = executor.waitMs(name, operation);
      if (waitMs <= 0) return operation;
      waits.push(waitMs);
    }
    if (waits.length > 0) {
      this.#timers.get(name)?.[Symbol.dispose]();
      this.#timers.set(
        name,
        clock.schedule(Math.min(...waits), () => this.kick(name)),
      );
    }
    return undefined;
  }
}
