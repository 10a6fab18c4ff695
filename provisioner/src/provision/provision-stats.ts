import type { Clock, Metrics } from '@berth/kit';

const provisionSeconds = {
  name: 'controller_persistentvolumeclaim_provision_duration_seconds',
  help: 'Latency in seconds to provision persistent volumes. Failed provisioning attempts are ignored. Broken down by storage class name and source of the claim.',
  bounds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
};
const deleteSeconds = {
  name: 'controller_persistentvolume_delete_duration_seconds',
  help: 'Latency in seconds to delete persistent volumes. Failed deletion attempts are ignored. Broken down by storage class name.',
  bounds: provisionSeconds.bounds,
};

export interface AttemptTimer {
  succeeded(): void;
  failed(): void;
}

/** The counters sig-storage-lib keeps of claims provisioned and volumes deleted. */
export class ProvisionStats {
  readonly #metrics: Metrics;
  readonly #clock: Clock;

  constructor(metrics: Metrics, clock: Clock) {
    this.#metrics = metrics;
    this.#clock = clock;
  }

  start(className: string): AttemptTimer {
    // `source` tells clones and restored snapshots apart from new volumes, which leave it empty.
    const labels = { class: className, source: '' };
    const startedMs = this.#clock.monotonicMs();
    const seconds = () => (this.#clock.monotonicMs() - startedMs) / 1000;
    const total = 'controller_persistentvolumeclaim_provision';
    return {
      succeeded: () => {
        this.#metrics.observe(provisionSeconds, labels, seconds());
        this.#metrics.count(
          `${total}_total`,
          'Total number of persistent volumes provisioned succesfully. Broken down by storage class name and source of the claim.',
          labels,
        );
      },
      failed: () =>
        this.#metrics.count(
          `${total}_failed_total`,
          'Total number of persistent volume provision failed attempts. Broken down by storage class name and source of the claim.',
          labels,
        ),
    };
  }

  startDelete(className: string): AttemptTimer {
    const labels = { class: className };
    const startedMs = this.#clock.monotonicMs();
    const total = 'controller_persistentvolume_delete';
    return {
      succeeded: () => {
        this.#metrics.observe(deleteSeconds, labels, (this.#clock.monotonicMs() - startedMs) / 1000);
        this.#metrics.count(
          `${total}_total`,
          'Total number of persistent volumes deleted succesfully. Broken down by storage class name.',
          labels,
        );
      },
      failed: () =>
        this.#metrics.count(
          `${total}_failed_total`,
          'Total number of persistent volume delete failed attempts. Broken down by storage class name.',
          labels,
        ),
    };
  }
}
