import { MetricRegistry, type Sample } from '../../metrics/metric-registry.ts';
import { QueueMetrics } from '../../metrics/queue-metrics.ts';
import { ClientMetrics } from './client-metrics.ts';
import { TokenMetrics } from './token-metrics.ts';

/** Where all parts of a process count what they do, which the server's `/metrics` tells. */
export class ComponentMetrics {
  readonly registry = new MetricRegistry();
  readonly queues = new QueueMetrics(this.registry);
  readonly clients = new ClientMetrics(this.registry);
  readonly tokens = new TokenMetrics(this.registry);

  constructor() {
    const { registry } = this;
    const none = (): Sample[] => [[[], 0]];
    // None of ours has a level of stability; none is hidden, or can be turned off.
    const about = ['deprecated_version', 'stability_level'];
    registry.count('registered_metrics_total', 'Families of metrics there are.', about, () => [
      [['', ''], registry.families.length],
    ]);
    registry.count('hidden_metrics_total', 'Families that are hidden.', [], none);
    registry.count('disabled_metrics_total', 'Families that are turned off.', [], none);
  }
}
