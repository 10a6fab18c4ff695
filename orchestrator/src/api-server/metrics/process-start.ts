import type { Clock } from '@berth/kit';
import type { MetricRegistry } from './metric-registry.ts';

/** When this process began, as Prometheus' clients tell it. */
export function addProcessStart(registry: MetricRegistry, clock: Clock): void {
  const startedAt = clock.now() / 1000 - process.uptime();
  registry.gauge('process_start_time_seconds', 'When this process began, in seconds since 1970.', [], () => [
    [[], startedAt],
  ]);
}
