import type { Clock, Rng } from '@berth/kit';
import type { Container, Pod } from '@berth/kube';
import type { ProbeVerdicts } from '../containers/compute-pod-actions.ts';
import type { PodEvent } from '../containers/image-puller.ts';
import { containersOf, initContainersOf, isSidecar } from '../pods/pod-facts.ts';
import { latestContainer, type RuntimeContainer, type RuntimePod } from '../pods/runtime-pod.ts';
import type { Readiness } from '../status/container-statuses.ts';
import type { ProbeAnswer } from './probe-answer.ts';
import type { ProbeCounts } from './probe-counts.ts';
import { type ProbeKind, ProbeWorker } from './probe-worker.ts';
import { type ProbeTools, runProbe } from './run-probe.ts';

export interface PodProberOptions {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly tools: ProbeTools;
  readonly event: (container: string, ...event: Parameters<PodEvent>) => void;
  /** What the pod's last status says of a container: true until a probe of this process says otherwise. */
  readonly known: (containerId: string) => { readonly started: boolean; readonly ready: boolean } | undefined;
  /** A verdict changed: the pod's worker looks at it. */
  readonly onVerdict: () => void;
}

/** All probes of one pod. Lives as long as its containers do. */
export class PodProber implements Disposable, ProbeVerdicts, Readiness {
  readonly #options: PodProberOptions;
  readonly #workers = new Map<string, ProbeWorker>();
  #podIp = '';
  #ended = false;
  #livenessStopped = false;

  constructor(options: PodProberOptions) {
    this.#options = options;
  }

  /** Follows what runs now: probes start for running containers and end with them. */
  observe(pod: Pod, seen: RuntimePod): void {
    if (this.#ended) return;
    this.#podIp = seen.sandboxes[0]?.ips[0] ?? '';
    const probed = [...initContainersOf(pod).filter(isSidecar), ...containersOf(pod)];
    for (const container of probed) {
      for (const kind of ['startup', 'liveness', 'readiness'] as const) {
        this.#worker(container, kind)?.observe(latestContainer(seen, container.name));
      }
    }
  }

  /** Of those that probe still. */
  *counts(): Generator<{ readonly container: string; readonly kind: ProbeKind; readonly counts: ProbeCounts }> {
    for (const { containerName: container, kind, ended, counts } of this.#workers.values())
      if (!ended) yield { container, kind, counts };
  }

  liveness(containerId: string) {
    return this.#verdict('liveness', containerId);
  }

  startup(containerId: string) {
    return this.#verdict('startup', containerId) ?? (this.#options.known(containerId)?.started ? 'success' : undefined);
  }

  started(container: RuntimeContainer, spec: Container): boolean {
    return !spec.startupProbe || this.startup(container.id) === 'success';
  }

  ready(container: RuntimeContainer, spec: Container): boolean {
    if (!spec.readinessProbe) return true;
    const verdict = this.#verdict('readiness', container.id);
    return verdict === undefined ? (this.#options.known(container.id)?.ready ?? false) : verdict === 'success';
  }

  /** Nothing is probed for restarts any more; readiness goes on while the pod ends (StopLivenessAndStartup). */
  stopLivenessAndStartup(): void {
    this.#livenessStopped = true;
    for (const [key, worker] of this.#workers) if (!key.startsWith('readiness/')) worker[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    for (const worker of this.#workers.values()) worker[Symbol.dispose]();
  }

  #verdict(kind: ProbeKind, containerId: string) {
    for (const [key, worker] of this.#workers) {
      if (!key.startsWith(`${kind}/`)) continue;
      const verdict = worker.verdictOf(containerId);
      if (verdict) return verdict;
    }
    return undefined;
  }

  #worker(container: Container, kind: ProbeKind): ProbeWorker | undefined {
    const probe = container[`${kind}Probe`];
    const key = `${kind}/${container.name}`;
    const known = this.#workers.get(key);
    if (known) return known;
    if (!probe || (this.#livenessStopped && kind !== 'readiness')) return undefined;
    const { clock, rng, tools, onVerdict } = this.#options;
    const worker = new ProbeWorker({
      kind,
      probe,
      container,
      clock,
      rng,
      run: ({ id }, signal) => runProbe(probe, { container, containerId: id, podIp: this.#podIp }, tools, signal),
      isStarted: (id) => !container.startupProbe || this.startup(id) === 'success',
      onAnswer: (answer) => this.#report(container.name, kind, answer),
      onVerdict: () => {
        // Readiness counts only from here on: do not wait out its period.
        if (kind === 'startup') for (const other of this.#workers.values()) other.poke();
        onVerdict();
      },
    });
    this.#workers.set(key, worker);
    return worker;
  }

  #report(container: string, kind: ProbeKind, { result, output, warning }: ProbeAnswer): void {
    const what = `${kind[0]?.toUpperCase()}${kind.slice(1)} probe`;
    if (warning) this.#options.event(container, 'Warning', 'ProbeWarning', `${what} warning: ${output}`);
    if (result === 'success') return;
    const text =
      result === 'failure' ? `${what} failed: ${output}` : `${what} errored and resulted in unknown state: ${output}`;
    this.#options.event(container, 'Warning', 'Unhealthy', text);
  }
}
