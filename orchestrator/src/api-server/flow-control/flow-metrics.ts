import type { Counter, Histogram, MetricRegistry, Sample, SeriesOf } from '../../metrics/metric-registry.ts';
import type { PriorityLevel } from './priority-level.ts';
import type { PriorityLevels } from './priority-levels.ts';
import type { Ticket } from './queue-set.ts';
import { mostSeats } from './work-estimate.ts';

/** Upstream's buckets (apiserver util/flowcontrol/metrics). */
const durationBounds = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];
const flow = ['flow_schema', 'priority_level'];

/** `apiserver_flowcontrol_*`. */
export class FlowMetrics {
  readonly rejected: SeriesOf<Counter>;
  readonly dispatched: SeriesOf<Counter>;
  readonly waited: SeriesOf<Histogram>;
  readonly executed: SeriesOf<Histogram>;
  readonly queueLength: SeriesOf<Histogram>;
  readonly estimatedSeats: SeriesOf<Histogram>;
  readonly watchCounts: SeriesOf<Histogram>;

  constructor(metrics: MetricRegistry, levels: PriorityLevels) {
    const name = (rest: string) => `apiserver_flowcontrol_${rest}`;
    this.rejected = metrics.counter(name('rejected_requests_total'), 'Requests refused for want of seats.', [
      ...flow,
      'reason',
    ]);
    this.dispatched = metrics.counter(name('dispatched_requests_total'), 'Requests that were given seats.', flow);
    this.waited = metrics.histogram(
      name('request_wait_duration_seconds'),
      'Time requests waited for their seats, or to be refused.',
      ['execute', ...flow],
      durationBounds,
    );
    this.executed = metrics.histogram(
      name('request_execution_seconds'),
      'Time requests had their seats.',
      [...flow, 'type'],
      durationBounds,
    );
    this.queueLength = metrics.histogram(
      name('request_queue_length_after_enqueue'),
      'Length of a queue as each request found it, itself included.',
      flow,
      [0, 10, 25, 50, 100, 250, 500, 1000],
    );
    this.estimatedSeats = metrics.histogram(
      name('work_estimated_seats'),
      'Seats that requests were taken to need.',
      flow,
      [1, 2, 4, 8, 16, 32, 64, 100],
    );
    this.watchCounts = metrics.histogram(
      name('watch_count_samples'),
      'Watches that writes wake.',
      flow,
      [0, 1, 10, 100, 1000, 10_000],
    );
    addLevelGauges(metrics, levels, name);
    addFlowGauges(metrics, levels, { name, queued: this.queueLength, served: this.dispatched });
  }
}

/** The series of one schema's requests, each there from its first use on: looking them up by their labels costs more than counting. */
export class FlowSeries {
  readonly #metrics: FlowMetrics;
  readonly #labels: readonly [schema: string, level: string];
  #dispatched: Counter | undefined;
  #waited: Histogram | undefined;
  #executed: Histogram | undefined;
  #queueLength: Histogram | undefined;
  #estimatedSeats: Histogram | undefined;
  #watchCounts: Histogram | undefined;

  constructor(metrics: FlowMetrics, schema: string, level: string) {
    this.#metrics = metrics;
    this.#labels = [schema, level];
  }

  get dispatched(): Counter {
    this.#dispatched ??= this.#metrics.dispatched.at(...this.#labels);
    return this.#dispatched;
  }

  /** Of those that were given seats. */
  get waited(): Histogram {
    this.#waited ??= this.#metrics.waited.at('true', ...this.#labels);
    return this.#waited;
  }

  /** Of all but watches. */
  get executed(): Histogram {
    this.#executed ??= this.#metrics.executed.at(...this.#labels, 'regular');
    return this.#executed;
  }

  get queueLength(): Histogram {
    this.#queueLength ??= this.#metrics.queueLength.at(...this.#labels);
    return this.#queueLength;
  }

  get estimatedSeats(): Histogram {
    this.#estimatedSeats ??= this.#metrics.estimatedSeats.at(...this.#labels);
    return this.#estimatedSeats;
  }

  get watchCounts(): Histogram {
    this.#watchCounts ??= this.#metrics.watchCounts.at(...this.#labels);
    return this.#watchCounts;
  }
}

function addLevelGauges(metrics: MetricRegistry, levels: PriorityLevels, name: (rest: string) => string): void {
  const table: readonly [string, string, (level: PriorityLevel) => number][] = [
    ['nominal_limit_seats', 'Seats of a level by its share.', (level) => level.nominal],
    ['request_concurrency_limit', 'The same, by its old name.', (level) => level.nominal],
    ['lower_limit_seats', 'Seats a level lends nobody.', (level) => level.least],
    ['upper_limit_seats', 'Seats a level can have with all it may borrow.', (level) => level.most],
    ['current_limit_seats', 'Seats a level has now.', (level) => level.current],
    ['current_r', 'Virtual time of a level, in seat-seconds.', (level) => level.queues.virtualTime],
    ['demand_seats_high_watermark', 'The most seats wanted of late.', (level) => level.demand.highWatermark],
    ['demand_seats_average', 'Seats wanted of late, on average.', (level) => level.demand.average],
    ['demand_seats_stdev', 'How much the seats wanted of late varied.', (level) => level.demand.deviation],
    ['demand_seats_smoothed', 'Seats wanted, smoothed over time.', (level) => level.demand.smoothed],
    ['target_seats', 'Seats that were aimed at when they were lent.', (level) => level.demand.target],
  ];
  for (const [rest, help, of] of table)
    metrics.gauge(name(rest), help, ['priority_level'], () =>
      [...levels.all.values()].map((level) => [[level.name], of(level)] as const),
    );
  metrics.gauge(name('seat_fair_frac'), 'What each level gets of its target.', [], () => [[[], levels.fairFraction]]);
}

/** Of each flow that ever waited, or was served: what is idle now says 0, as upstream's. */
function addFlowGauges(
  metrics: MetricRegistry,
  levels: PriorityLevels,
  {
    name,
    queued,
    served,
  }: { readonly name: (rest: string) => string } & Record<'queued' | 'served', SeriesOf<unknown>>,
): void {
  const sum = (flows: SeriesOf<unknown>, of: typeof waitingOf, value: (seats: number) => number): Sample[] =>
    [...flows].map(([labels]): Sample => {
      const [schema, name = ''] = labels;
      const level = levels.all.get(name);
      const tickets = level ? [...of(level)].filter(({ request }) => request.schema === schema) : [];
      return [labels, tickets.reduce((all, { request }) => all + value(mostSeats(request.work)), 0)];
    });
  const requests = () => 1;
  const seats = (count: number) => count;
  const waiting = (value: typeof seats) => () => sum(queued, waitingOf, value);
  const running = (value: typeof seats) => () => sum(served, runningOf, value);
  metrics.gauge(name('current_inqueue_requests'), 'Requests that wait.', flow, waiting(requests));
  metrics.gauge(name('current_inqueue_seats'), 'Seats that are waited for.', flow, waiting(seats));
  metrics.gauge(name('current_executing_requests'), 'Requests that are served.', flow, running(requests));
  for (const [rest, help] of [
    ['current_executing_seats', 'Seats in use.'],
    ['request_concurrency_in_use', 'The same, by its old name.'],
  ] as const)
    metrics.gauge(name(rest), help, flow, running(seats));
}

function* waitingOf({ queues }: PriorityLevel): Generator<Ticket> {
  for (const { waiting } of queues.queues.values()) yield* waiting;
}

function* runningOf({ queues }: PriorityLevel): Generator<Ticket> {
  yield* queues.queueless;
  for (const { running } of queues.queues.values()) yield* running;
}
