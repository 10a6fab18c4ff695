import type { Clock, Logger, QueueObserver, Rng } from '@berth/kit';
import { Backoff, type Reconcile, runController, WorkQueue } from '@berth/kit';
import { type EventRecorder, type Informers, isConflict, type KubeClient } from '@berth/kube';

import type { CustomTypes } from './custom-types/custom-types.ts';

/** What every controller of the controller manager stands on. */
export interface ControllerDeps {
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  /** The recorder of a component, such as `statefulset-controller`; one each, however often asked. */
  readonly recorder: (component: string) => EventRecorder;
  /** Who hears of a queue, by the name that metrics have for it. */
  readonly queueObserver?: ((name: string) => QueueObserver) | undefined;
}

/** Of controllers that look after objects of every kind. */
export interface EveryKindDeps extends ControllerDeps {
  readonly customTypes: CustomTypes;
}

export interface RunOptions<K extends string> {
  readonly name: string;
  /** What metrics call its queue; absent: by its name. */
  readonly queueName?: string;
  readonly workers?: number;
  readonly reconcile: Reconcile<K>;
}

/** Retries as client-go's default controller rate limiter paces them: 5 ms doubling to 1000 s. */
const retry = { initialMs: 5, maxMs: 1_000_000 } as const;

/** A queue with its workers, which start once every informer has synced. Disposing waits for the workers. */
export class RunningController<K extends string = string> implements AsyncDisposable {
  readonly queue: WorkQueue<K>;
  readonly #done: Promise<void>;

  constructor(
    deps: ControllerDeps,
    { name, queueName = name, workers = 5, reconcile }: RunOptions<K>,
    signal: AbortSignal,
  ) {
    const backoff = new Backoff({ ...retry, rng: deps.rng });
    this.queue = new WorkQueue<K>({ clock: deps.clock, backoff, observer: deps.queueObserver?.(queueName) });
    const options = { name, queue: this.queue, reconcile, workers, log: deps.log, signal, isConflict };
    this.#done = deps.informers.whenSynced(signal).then(
      () => runController(options),
      () => undefined,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.queue[Symbol.asyncDispose]();
    await this.#done;
  }
}
