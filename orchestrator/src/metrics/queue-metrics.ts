import type { QueueObserver, QueueState } from '@berth/kit';
import {
  type Counter,
  exponentialBounds,
  type Histogram,
  type MetricRegistry,
  type Sample,
  type SeriesOf,
} from './metric-registry.ts';

const about = ['name'];

/** Upstream's (component-base metrics/prometheus/workqueue). */
const bounds = exponentialBounds(10e-9, 10, 10);

/** Queues of controllers by their names, under upstream's metric names. */
export class QueueMetrics {
  readonly #queues = new Map<string, QueueState>();
  readonly #adds: SeriesOf<Counter>;
  readonly #retries: SeriesOf<Counter>;
  readonly #waited: SeriesOf<Histogram>;
  readonly #worked: SeriesOf<Histogram>;

  constructor(registry: MetricRegistry) {
    const name = (rest: string) => `workqueue_${rest}`;
    this.#adds = registry.counter(name('adds_total'), 'Keys that came into a queue.', about);
    this.#retries = registry.counter(name('retries_total'), 'Keys that are to be worked on again later.', about);
    this.#waited = registry.histogram(name('queue_duration_seconds'), 'How long keys waited.', about, bounds);
    this.#worked = registry.histogram(name('work_duration_seconds'), 'How long work on a key took.', about, bounds);
    const gauge = (rest: string, help: string, of: (queue: QueueState) => number) =>
      registry.gauge(name(rest), help, about, () =>
        [...this.#queues].map(([key, queue]): Sample => [[key], of(queue)]),
      );
    gauge('depth', 'Keys that wait for work.', ({ depth }) => depth);
    gauge(
      'unfinished_work_seconds',
      'How long keys have been worked on that are not done, in sum.',
      (queue) => queue.heldMs().reduce((sum, each) => sum + each, 0) / 1000,
    );
    gauge(
      'longest_running_processor_seconds',
      'How long the key has been worked on that was taken first.',
      (queue) => Math.max(0, ...queue.heldMs()) / 1000,
    );
  }

  /** For the queue of this name. */
  readonly observer = (name: string): QueueObserver => {
    const [adds, retries] = [this.#adds.at(name), this.#retries.at(name)];
    const [waited, worked] = [this.#waited.at(name), this.#worked.at(name)];
    return {
      made: (queue) => void this.#queues.set(name, queue),
      added: () => adds.add(),
      taken: (ms) => waited.observe(ms / 1000),
      done: (ms) => worked.observe(ms / 1000),
      retried: () => retries.add(),
    };
  };
}
