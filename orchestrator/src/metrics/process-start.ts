import type { MetricRegistry } from './metric-registry.ts';

/** When this process began, as Prometheus' clients tell it: always in the same digits, as another start would be a restart. */
export function addProcessStart(registry: MetricRegistry): void {
  registry.gauge('process_start_time_seconds', 'When this process began, in seconds since 1970.', [], () => [
    [[], Math.round(performance.timeOrigin / 10) / 100],
  ]);
}
