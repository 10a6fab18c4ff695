import type { OperationRecord } from '@berth/volume-manager';
import { type Histogram, MetricRegistry, type SeriesOf } from '../api-server/metrics/metric-registry.ts';

/** Upstream's buckets (pkg/volume/util/metrics.go). */
const bounds = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600];

/** What the volume manager did since this process began, as kubelet's metrics tell it. */
export class StorageOperations {
  readonly #registry = new MetricRegistry();
  readonly #durations: SeriesOf<Histogram> = this.#registry.histogram(
    'storage_operation_duration_seconds',
    'Seconds that operations on volumes took.',
    ['migrated', 'operation_name', 'status', 'volume_plugin'],
    bounds,
  );

  readonly observe = ({ operation, plugin, status, seconds }: OperationRecord): void => {
    this.#durations.at('false', operation, status, plugin).observe(seconds);
  };

  text(): Promise<string> {
    return this.#registry.text();
  }
}
