import { MetricRegistry } from './metric-registry.ts';
import { QueueMetrics } from './queue-metrics.ts';

/** Where all parts of a process count what they do, which the server's `/metrics` tells. */
export class ComponentMetrics {
  readonly registry = new MetricRegistry();
  readonly queues = new QueueMetrics(this.registry);
}
