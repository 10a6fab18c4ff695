import type { Clock } from '@berth/kit';
import type { Histogram, MetricRegistry, SeriesOf, Summary } from '../../metrics/metric-registry.ts';
import { PolicyMetrics } from './policy-metrics.ts';

/** Upstream's buckets (apiserver admission/metrics). */
const bounds = [0.005, 0.025, 0.1, 0.5, 1, 2.5];

/** `admit`: it may change the object. */
export type AdmissionStep = 'admit' | 'validate';

/** How long plugins take, one by one and together, under upstream's names. */
export class AdmissionSteps {
  readonly policies: PolicyMetrics;
  readonly #clock: Clock;
  readonly #plugins: SeriesOf<Histogram>;
  readonly #steps: SeriesOf<Histogram>;
  readonly #summaries: SeriesOf<Summary>;
  readonly #together: Readonly<Record<AdmissionStep, OperationTimes>>;

  constructor(registry: MetricRegistry, clock: Clock) {
    this.#clock = clock;
    this.policies = new PolicyMetrics(registry);
    const about = ['operation', 'rejected', 'type'];
    const how = 'by operation and type (validate or admit)';
    this.#plugins = registry.histogram(
      'apiserver_admission_controller_admission_duration_seconds',
      `How long admission plugins took, by name, ${how}.`,
      ['name', ...about],
      bounds,
    );
    const step = 'apiserver_admission_step_admission_duration_seconds';
    this.#steps = registry.histogram(step, `How long all admission plugins took, ${how}.`, about, bounds);
    this.#summaries = registry.summary(`${step}_summary`, `The same, of the last thousand, ${how}.`, about);
    this.#together = { admit: this.#stepTimes('admit'), validate: this.#stepTimes('validate') };
  }

  now(): number {
    return this.#clock.monotonicMs();
  }

  /** To hold on to: requests find their series in it without making labels of them. */
  plugin(name: string, type: AdmissionStep): OperationTimes {
    return new OperationTimes((operation, rejected) => [this.#plugins.at(name, operation, rejected, type)]);
  }

  step(type: AdmissionStep): OperationTimes {
    return this.#together[type];
  }

  #stepTimes(type: AdmissionStep): OperationTimes {
    return new OperationTimes((operation, rejected) => [
      this.#steps.at(operation, rejected, type),
      this.#summaries.at(operation, rejected, type),
    ]);
  }
}

interface Observed {
  observe(value: number): void;
}

/** Series by operation, and by whether the request was refused. */
export class OperationTimes {
  readonly #make: (operation: string, rejected: string) => readonly Observed[];
  readonly #passed = new Map<string, readonly Observed[]>();
  readonly #refused = new Map<string, readonly Observed[]>();

  constructor(make: (operation: string, rejected: string) => readonly Observed[]) {
    this.#make = make;
  }

  observe(operation: string, ms: number, refused: boolean): void {
    const known = refused ? this.#refused : this.#passed;
    let series = known.get(operation);
    if (!series) {
      series = this.#make(operation.toUpperCase(), String(refused));
      known.set(operation, series);
    }
    for (const each of series) each.observe(ms / 1000);
  }
}
