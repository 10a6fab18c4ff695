import type { Clock, Rng } from '@berth/kit';
import type { Container, Probe } from '@berth/kube';
import type { RuntimeContainer } from '../pods/runtime-pod.ts';
import type { ProbeAnswer } from './probe-answer.ts';
import { ProbeCounts } from './probe-counts.ts';

export type ProbeKind = 'liveness' | 'readiness' | 'startup';
export type ProbeVerdict = 'success' | 'failure' | undefined;

/** What a probe watches and whom it tells. */
export interface ProbeWorkerOptions {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly container: Container;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly run: (container: RuntimeContainer, signal: AbortSignal) => Promise<ProbeAnswer>;
  /** True where the container's startup probe has succeeded, or it has none. */
  readonly isStarted: (containerId: string) => boolean;
  readonly onAnswer: (answer: ProbeAnswer) => void;
  readonly onVerdict: () => void;
}

/** One probe of one container: asleep while the container does not run, else one timer a period (prober/worker.go). */
export class ProbeWorker implements Disposable {
  readonly #options: ProbeWorkerOptions;
  readonly #end = new AbortController();
  readonly counts = new ProbeCounts();
  #container: RuntimeContainer | undefined;
  #timer: Disposable | undefined;
  #verdict: ProbeVerdict;
  #run = { result: '' as string, count: 0 };
  /** After a failed liveness or startup probe nothing is probed until there is a new container. */
  #onHold = false;

  constructor(options: ProbeWorkerOptions) {
    this.#options = options;
  }

  get kind(): ProbeKind {
    return this.#options.kind;
  }

  get containerName(): string {
    return this.#options.container.name;
  }

  /** Nothing is probed any more. */
  get ended(): boolean {
    return this.#end.signal.aborted;
  }

  verdictOf(containerId: string): ProbeVerdict {
    return this.#container?.id === containerId ? this.#verdict : undefined;
  }

  /** Tells which container runs now; undefined where none does. */
  observe(container: RuntimeContainer | undefined): void {
    if (this.#end.signal.aborted) return;
    const running = container?.state === 'CONTAINER_RUNNING' ? container : undefined;
    if (running?.id === this.#container?.id) return;
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    this.#container = running;
    this.#verdict = undefined;
    this.#run = { result: '', count: 0 };
    this.#onHold = false;
    if (running) this.#schedule(this.#firstDelayMs(running));
  }

  /** Probes at once where something else just changed: readiness, when the startup probe has succeeded. */
  poke(): void {
    if (this.#container && !this.#onHold && this.#timer) this.#schedule(0);
  }

  /** Stops probing; what was found out stays known. */
  [Symbol.dispose](): void {
    this.#end.abort();
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #firstDelayMs(container: RuntimeContainer): number {
    const { probe, clock, rng } = this.#options;
    const age = clock.now() - container.startedAtMs;
    const initial = (probe.initialDelaySeconds ?? 0) * 1000;
    // A start that is still to come was before the clock was set back.
    const due = Math.min(initial, initial - age);
    // Containers adopted at a restart are not all probed in one moment (worker.go jitters likewise).
    const period = this.#periodMs();
    return age > period ? Math.max(due, rng.next() * period) : Math.max(due, 0);
  }

  #periodMs(): number {
    return (this.#options.probe.periodSeconds ?? 10) * 1000;
  }

  #schedule(ms: number): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = this.#options.clock.schedule(ms, () => {
      this.#timer = undefined;
      void this.#probe();
    });
  }

  async #probe(): Promise<void> {
    const container = this.#container;
    if (!container) return;
    const { kind, isStarted, run } = this.#options;
    const { clock } = this.#options;
    const beganMs = clock.monotonicMs();
    const started = isStarted(container.id);
    if (started === (kind !== 'startup')) {
      const answer = await run(container, this.#end.signal).catch(
        (error: unknown): ProbeAnswer => ({ result: 'unknown', output: String(error) }),
      );
      if (this.#end.signal.aborted || this.#container?.id !== container.id) return;
      if (answer.result !== 'unknown') this.counts.count(answer.result, (clock.monotonicMs() - beganMs) / 1000);
      this.#count(answer);
    }
    const done = kind === 'startup' && isStarted(container.id);
    if (this.#onHold || done) return;
    this.#schedule(Math.max(0, this.#periodMs() - (clock.monotonicMs() - beganMs)));
  }

  #count(answer: ProbeAnswer): void {
    const { probe, kind, onAnswer, onVerdict } = this.#options;
    onAnswer(answer);
    if (answer.result === 'unknown') return;
    this.#run = { result: answer.result, count: this.#run.result === answer.result ? this.#run.count + 1 : 1 };
    const failed = answer.result === 'failure';
    const threshold = failed ? (probe.failureThreshold ?? 3) : (probe.successThreshold ?? 1);
    if (this.#run.count < threshold) return;
    const before = this.#verdict;
    this.#verdict = answer.result;
    if (failed && kind !== 'readiness') {
      this.#onHold = true;
      this.#run = { result: '', count: 0 };
    }
    if (before !== this.#verdict) onVerdict();
  }
}
