import type { ServerContext } from '../server-context.ts';
import type { HttpsCaller } from './https-caller.ts';
import type { WebhookClient } from './webhook-client.ts';

/** What the server itself calls outside: loaded when it does so for the first time; its connections are kept until disposed. */
export class Outbound implements Disposable {
  readonly #context: Pick<ServerContext, 'clock' | 'metrics' | 'rng' | 'storageOf'>;
  #caller: Promise<HttpsCaller> | undefined;
  #webhooks: Promise<WebhookClient> | undefined;

  constructor(context: Pick<ServerContext, 'clock' | 'metrics' | 'rng' | 'storageOf'>) {
    this.#context = context;
  }

  /** For token, access and key set servers, named by files. */
  caller(): Promise<HttpsCaller> {
    this.#caller ??= import('./https-caller.ts').then(
      ({ HttpsCaller }) =>
        new HttpsCaller(this.#context.clock, (request) => this.#context.metrics.clients.asked(request)),
    );
    return this.#caller;
  }

  /** For admission and conversion webhooks, named by objects. */
  webhooks(): Promise<WebhookClient> {
    this.#webhooks ??= this.#makeWebhooks();
    return this.#webhooks;
  }

  [Symbol.dispose](): void {
    void this.#caller?.then((caller) => caller[Symbol.dispose]());
  }

  async #makeWebhooks(): Promise<WebhookClient> {
    const [caller, { WebhookClient }, { resolveService }] = await Promise.all([
      this.caller(),
      import('./webhook-client.ts'),
      import('./service-resolver.ts'),
    ]);
    return new WebhookClient(caller, (service) => resolveService(this.#context, service));
  }
}
