import {
  type Counter,
  exponentialBounds,
  type Histogram,
  type MetricRegistry,
  type Sample,
  type SeriesOf,
} from '../metrics/metric-registry.ts';

/** What a scheduler holds now. */
export interface SchedulerState {
  /** Pods that want a node, by the queue they are in. */
  readonly pending: Readonly<Record<'active' | 'backoff' | 'unschedulable', number>>;
  readonly cached: Readonly<Record<'assumed_pods' | 'nodes' | 'pods', number>>;
}

interface Attempts {
  count: number;
  readonly firstMs: number;
}

/** More are told as so many. */
const mostAttempts = 15;

/** What the scheduler does, under kube-scheduler's names (pkg/scheduler/metrics). */
export class SchedulerMetrics {
  readonly #profile: string;
  /** Of pods that have no node yet, by uid. */
  readonly #pods = new Map<string, Attempts>();
  readonly #total: SeriesOf<Counter>;
  readonly #seconds: SeriesOf<Histogram>;
  readonly #algorithm: Histogram;
  readonly #attempts: Histogram;
  readonly #waits: SeriesOf<Histogram>;
  readonly #preemptions: Counter;
  readonly #victims: Histogram;
  #state: (() => SchedulerState) | undefined;

  constructor(registry: MetricRegistry, profile: string) {
    this.#profile = profile;
    const name = (rest: string) => `scheduler_${rest}`;
    const by = ['profile', 'result'];
    const bounds = exponentialBounds(0.001, 2, 15);
    const histogram = (rest: string, help: string, its: readonly number[]) =>
      registry.histogram(name(rest), help, [], its).at();
    this.#total = registry.counter(name('schedule_attempts_total'), 'Attempts to find a node for a pod.', by);
    this.#seconds = registry.histogram(
      name('scheduling_attempt_duration_seconds'),
      'How long such attempts took, binding included.',
      by,
      bounds,
    );
    this.#algorithm = histogram('scheduling_algorithm_duration_seconds', 'How long the choice of a node took.', bounds);
    const tries = exponentialBounds(1, 2, 5);
    this.#attempts = histogram('pod_scheduling_attempts', 'Attempts that pods needed until they had a node.', tries);
    this.#waits = registry.histogram(
      name('pod_scheduling_sli_duration_seconds'),
      'How long pods needed from their first attempt until they had a node.',
      ['attempts'],
      exponentialBounds(0.01, 2, 20),
    );
    this.#preemptions = registry
      .counter(name('preemption_attempts_total'), 'Pods that others were to make room for.')
      .at();
    this.#victims = histogram('preemption_victims', 'Pods that had to go for another.', exponentialBounds(1, 2, 7));
    const gauge = (rest: string, help: string, label: string, of: (state: SchedulerState) => Record<string, number>) =>
      registry.gauge(name(rest), help, [label], () =>
        Object.entries(this.#state ? of(this.#state()) : {}).map(([key, value]): Sample => [[key], value]),
      );
    gauge('pending_pods', 'Pods that want a node, by the queue they are in.', 'queue', ({ pending }) => pending);
    gauge('cache_size', 'Nodes and pods that are reckoned with.', 'type', ({ cached }) => cached);
  }

  /** From now on `state` is the scheduler's. */
  follow(state: () => SchedulerState): void {
    this.#pods.clear();
    this.#state = state;
  }

  /** An attempt begins. */
  begun(uid: string, nowMs: number): void {
    const pod = this.#pods.get(uid);
    if (pod) pod.count++;
    else this.#pods.set(uid, { count: 1, firstMs: nowMs });
  }

  /** A node was chosen, or none was there to choose. */
  chosen(ms: number): void {
    this.#algorithm.observe(ms / 1000);
  }

  ended(result: 'scheduled' | 'unschedulable' | 'error', ms: number): void {
    this.#total.at(this.#profile, result).add();
    this.#seconds.at(this.#profile, result).observe(ms / 1000);
  }

  /** The pod has its node. */
  bound(uid: string, nowMs: number): void {
    const pod = this.#pods.get(uid);
    if (!pod) return;
    const { count, firstMs } = pod;
    this.#pods.delete(uid);
    this.#attempts.observe(count);
    const label = count >= mostAttempts ? `${mostAttempts}+` : String(count);
    this.#waits.at(label).observe((nowMs - firstMs) / 1000);
  }

  /** The pod is no more. */
  forget(uid: string): void {
    this.#pods.delete(uid);
  }

  /** Others were looked for that could make room. */
  preempting(): void {
    this.#preemptions.add();
  }

  preempted(victims: number): void {
    this.#victims.observe(victims);
  }
}
