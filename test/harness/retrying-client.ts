import { ApiError, type ApiRequest, httpTransport, loadKubeconfig, type Transport, type WatchEvent } from '@berth/kube';
import { sleep } from './berth.ts';

/** Answers after which a client may ask another server, or the same once more. */
const passing: ReadonlySet<string> = new Set(['ServiceUnavailable', 'Timeout', 'TooManyRequests', 'ServerTimeout']);

/** Tells only what hangs: a server takes its time to start on a machine that others keep busy. */
const patienceMs = 120_000;

/** A client of several servers that goes on at another one when one fails, as load balancers and their clients do together. */
export class RetryingClient implements Disposable {
  readonly #transports: (Transport & Disposable)[];
  #turn: number;
  retries = 0;

  private constructor(transports: (Transport & Disposable)[], turn: number) {
    this.#transports = transports;
    this.#turn = turn;
  }

  static async of(kubeconfigs: readonly string[], turn = 0): Promise<RetryingClient> {
    const access = await Promise.all(kubeconfigs.map((file) => loadKubeconfig(file)));
    return new RetryingClient(
      access.map(({ transport }) => httpTransport(transport)),
      turn,
    );
  }

  /** @throws what is no passing failure, or still one after two minutes. `isDone` tells a repeated request's refusal from a first one's. */
  async request<T>(request: ApiRequest, isDone: (error: ApiError) => boolean = () => false): Promise<T | undefined> {
    const endAt = performance.now() + patienceMs;
    for (let tries = 0; ; tries++) {
      try {
        return (await this.#next().request(request, AbortSignal.timeout(10_000))) as T;
      } catch (error) {
        if (error instanceof ApiError && !passing.has(error.code)) {
          if (tries > 0 && isDone(error)) return undefined;
          throw error;
        }
        if (performance.now() > endAt) throw error;
        this.retries++;
        await sleep(50);
      }
    }
  }

  watch(request: ApiRequest, signal: AbortSignal): AsyncIterable<WatchEvent> {
    return this.#next().watch(request, signal);
  }

  [Symbol.dispose](): void {
    for (const transport of this.#transports) transport[Symbol.dispose]();
  }

  #next(): Transport {
    return this.#transports[this.#turn++ % this.#transports.length] as Transport;
  }
}
