import type { Clock } from '@berth/kit';
import { goCodeName, type ObservedCall, observedCalls } from '@berth/protos';
import type { OperationRecord } from '@berth/volume-manager';
import {
  type Counter,
  defaultBounds,
  exponentialBounds,
  type Histogram,
  MetricRegistry,
  type SeriesOf,
} from '../metrics/metric-registry.ts';
import type { ContainerRuntime } from './container-runtime.ts';

/** Upstream's buckets (pkg/volume/util/metrics.go, pkg/kubelet/metrics/metrics.go). */
const volumeBounds = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600];
const podStartBounds = [
  ...[0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60],
  ...[120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600],
];

/** What a node did since this process began, under kubelet's names. */
export class NodeMetrics {
  readonly #registry = new MetricRegistry();
  readonly #clock: Clock;
  readonly #storage: SeriesOf<Histogram>;
  readonly #csi: SeriesOf<Histogram>;
  readonly #runtimeCalls: SeriesOf<Counter>;
  readonly #runtimeErrors: SeriesOf<Counter>;
  readonly #runtimeSeconds: SeriesOf<Histogram>;
  readonly #podPasses: SeriesOf<Histogram>;
  readonly #podStarts: Histogram;
  readonly #startedPods: Counter;
  readonly #startedPodsErrors: Counter;
  readonly #relists: Histogram;
  readonly #relistIntervals: Histogram;
  readonly #evictions: SeriesOf<Counter>;
  #lastRelistMs: number | undefined;

  constructor(clock: Clock) {
    const registry = this.#registry;
    this.#clock = clock;
    const seconds = (name: string, help: string, labels: readonly string[], bounds = defaultBounds) =>
      registry.histogram(name, help, labels, bounds);
    const total = (name: string, help: string, labels: readonly string[] = []) => registry.counter(name, help, labels);
    this.#storage = seconds(
      'storage_operation_duration_seconds',
      'Seconds that operations on volumes took.',
      ['migrated', 'operation_name', 'status', 'volume_plugin'],
      volumeBounds,
    );
    this.#csi = seconds(
      'csi_operations_seconds',
      'Seconds that calls to CSI drivers took.',
      ['driver_name', 'grpc_status_code', 'method_name', 'migrated'],
      volumeBounds,
    );
    const byType = ['operation_type'];
    this.#runtimeCalls = total('kubelet_runtime_operations_total', 'Calls to the runtime.', byType);
    this.#runtimeErrors = total('kubelet_runtime_operations_errors_total', 'Calls to the runtime that failed.', byType);
    this.#runtimeSeconds = seconds(
      'kubelet_runtime_operations_duration_seconds',
      'Seconds that calls to the runtime took.',
      byType,
      exponentialBounds(0.005, 2.5, 14),
    );
    this.#podPasses = seconds('kubelet_pod_worker_duration_seconds', 'Seconds that one pass over a pod took.', byType);
    this.#podStarts = seconds(
      'kubelet_pod_start_duration_seconds',
      'Seconds from when a pod was seen first until it ran.',
      [],
      podStartBounds,
    ).at();
    this.#startedPods = total('kubelet_started_pods_total', 'Sandboxes that were begun.').at();
    this.#startedPodsErrors = total('kubelet_started_pods_errors_total', 'Sandboxes that could not be made.').at();
    const relist = (what: string, help: string) => seconds(`kubelet_pleg_relist_${what}_seconds`, help, []).at();
    this.#relists = relist('duration', 'Seconds that it took to list what runs.');
    this.#relistIntervals = relist(
      'interval',
      'Seconds between such lists; between them the runtime tells what happens.',
    );
    this.#evictions = total('kubelet_evictions', 'Pods that were evicted, by what of theirs was over its limit.', [
      'eviction_signal',
    ]);
    registry.gauge(
      'kubelet_pleg_last_seen_seconds',
      'When what runs was listed last, in seconds since 1970.',
      [],
      () => (this.#lastRelistMs === undefined ? [] : [[[], this.#lastRelistMs / 1000]]),
    );
  }

  readonly operation = ({ operation, plugin, status, seconds }: OperationRecord): void => {
    this.#storage.at('false', operation, status, plugin).observe(seconds);
  };

  /** A call to a driver's node service. */
  readonly csiCall = (driver: string, { method, code, seconds }: ObservedCall): void => {
    this.#csi.at(driver, goCodeName(code), `/csi.v1.Node/${method}`, 'false').observe(seconds);
  };

  /** The same runtime, whose calls are counted. */
  observed({ runtime, images, streams }: ContainerRuntime): ContainerRuntime {
    const heard = (call: ObservedCall) => this.#runtimeCall(call);
    return {
      runtime: observedCalls(runtime, this.#clock, heard),
      images: observedCalls(images, this.#clock, heard),
      streams,
    };
  }

  /** `create` is the first pass over a pod that was not there, `kill` each that ends it. */
  podPass(type: 'create' | 'sync' | 'kill', ms: number): void {
    this.#podPasses.at(type).observe(ms / 1000);
  }

  podStarted(ms: number): void {
    this.#podStarts.observe(ms / 1000);
  }

  evicted(signal: string): void {
    this.#evictions.at(signal).add();
  }

  relisted(beganMs: number): void {
    const now = this.#clock.now();
    this.#relists.observe((this.#clock.monotonicMs() - beganMs) / 1000);
    if (this.#lastRelistMs !== undefined) this.#relistIntervals.observe((now - this.#lastRelistMs) / 1000);
    this.#lastRelistMs = now;
  }

  text(): Promise<string> {
    return this.#registry.text();
  }

  #runtimeCall({ method, code, seconds }: ObservedCall): void {
    const type = operationType(method);
    this.#runtimeCalls.at(type).add();
    this.#runtimeSeconds.at(type).observe(seconds);
    if (code !== 'OK') this.#runtimeErrors.at(type).add();
    if (method !== 'RunPodSandbox') return;
    this.#startedPods.add();
    if (code !== 'OK') this.#startedPodsErrors.add();
  }
}

/** `run_podsandbox` of RunPodSandbox (pkg/kubelet/kuberuntime instrumented_services.go). */
function operationType(method: string): string {
  return method
    .replace('PodSandbox', 'Podsandbox')
    .replace(/(?<=.)[A-Z]/g, (letter) => `_${letter}`)
    .toLowerCase();
}
