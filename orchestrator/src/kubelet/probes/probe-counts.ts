import { Histogram } from '../../metrics/metric-registry.ts';

/** Prometheus' default buckets. */
export const probeBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** How one probe of a container went since it began to be probed. */
export class ProbeCounts {
  successful = 0;
  failed = 0;
  /** Of those that were successful, in seconds. */
  durations: Histogram | undefined;

  /** A probe that could not be made is no result. */
  count(result: 'success' | 'failure', seconds: number): void {
    if (result === 'failure') {
      this.failed++;
      return;
    }
    this.successful++;
    this.durations ??= new Histogram(probeBounds);
    this.durations.observe(seconds);
  }
}
