import { durationText } from './go-duration.ts';

/** What of a request's time is told apart, as audit events name it (apiserver endpoints/request LatencyTrackers). */
type Layer =
  | 'apf-queue-wait'
  | 'authentication'
  | 'authorization'
  | 'impersonation'
  | 'mutating-webhook'
  | 'validating-webhook';

/** Audit events of requests that took longer tell where the time went (filters/audit.go writeLatencyToAnnotation). */
const longMs = 500;

/** Where a request's time goes. */
export class RequestLatencies {
  readonly #beganMs: number;
  readonly #ms = new Map<Layer, number>();

  constructor(beganMs: number) {
    this.#beganMs = beganMs;
  }

  add(layer: Layer, ms: number): void {
    this.#ms.set(layer, this.#of(layer) + ms);
  }

  /** They were asked side by side: the longest counts. */
  addBeside(layer: Layer, ms: number): void {
    this.#ms.set(layer, Math.max(this.#of(layer), ms));
  }

  /** What its queue and webhooks took says nothing of the server. */
  get ofOthersMs(): number {
    return this.#of('apf-queue-wait') + this.#of('mutating-webhook') + this.#of('validating-webhook');
  }

  /** What an audit event tells; nothing of a request that was soon over. */
  annotations(nowMs: number): readonly (readonly [key: string, value: string])[] {
    const totalMs = nowMs - this.#beganMs;
    if (totalMs <= longMs) return [];
    const all = [...[...this.#ms].filter(([, ms]) => ms > 0), ['total', totalMs] as const];
    return all.map(([layer, ms]) => [`apiserver.latency.k8s.io/${layer}`, durationText(ms)]);
  }

  #of(layer: Layer): number {
    return this.#ms.get(layer) ?? 0;
  }
}
