import { type KubeClient, type Pod, resources } from '@berth/kube';

/**
 * Pods as the server has them now, for a decision a stale cache could get wrong. Callers that ask while a list is
 * still to start share it, so that a hundred claims deleted at once cost a few lists and not a hundred.
 */
export class LivePods {
  readonly #client: KubeClient;
  readonly #running = new Map<string, Promise<unknown>>();
  readonly #waiting = new Map<string, Promise<readonly Pod[]>>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  /** The list starts after this call: it shows whatever was written before it. */
  in(namespace: string, signal: AbortSignal): Promise<readonly Pod[]> {
    const waiting = this.#waiting.get(namespace);
    if (waiting) return waiting;
    const before = this.#running.get(namespace) ?? Promise.resolve();
    const next = before
      .catch(() => undefined)
      .then(async () => {
        this.#waiting.delete(namespace);
        return (await this.#client.list(resources.pods, { namespace }, signal)).items;
      });
    this.#waiting.set(namespace, next);
    this.#running.set(namespace, next);
    const forget = () => {
      if (this.#running.get(namespace) === next) this.#running.delete(namespace);
    };
    next.then(forget, forget);
    return next;
  }
}
