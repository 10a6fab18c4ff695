import { CallError } from './call-error.ts';
import type { HttpsCaller, HttpsTarget } from './https-caller.ts';
import { askedPath, postReview } from './post-review.ts';
import type { Address, ServiceRef } from './service-resolver.ts';

/** Where a webhook is, as configurations and custom resource definitions say it. */
export interface WebhookClientConfig {
  readonly url?: string;
  readonly service?: {
    readonly namespace: string;
    readonly name: string;
    readonly path?: string;
    readonly port?: number;
  };
  /** Base64 of PEM. */
  readonly caBundle?: string;
}

/** Who the server says it is. */
export type WebhookIdentity = Pick<HttpsTarget, 'cert' | 'key' | 'headers'>;

export interface WebhookPost {
  readonly config: WebhookClientConfig;
  /** Absent: the server says nothing of itself. */
  readonly identity?: WebhookIdentity;
  /** The review, sent as JSON. */
  readonly review: object;
  readonly timeoutSeconds: number;
  /** The time that the webhook is told to have, in its query, where it is another. */
  readonly toldSeconds?: number;
}

/** Sends reviews to webhooks of admission and conversion. */
export class WebhookClient {
  readonly #caller: HttpsCaller;
  readonly #resolve: (service: ServiceRef) => Promise<Address>;

  constructor(caller: HttpsCaller, resolve: (service: ServiceRef) => Promise<Address>) {
    this.#caller = caller;
    this.#resolve = resolve;
  }

  /** The answered value. @throws CallError – no answer, none in time, none of success, or none that is JSON or YAML; words as client-go's. */
  async post(post: WebhookPost, signal: AbortSignal): Promise<unknown> {
    const { config, review, timeoutSeconds, toldSeconds = timeoutSeconds } = post;
    const target = { ...(await this.#targetOf(config, toldSeconds)), ...post.identity };
    return await postReview(this.#caller, { target, review, timeoutMs: timeoutSeconds * 1000 }, signal);
  }

  async #targetOf({ url, service, caBundle }: WebhookClientConfig, toldSeconds: number): Promise<HttpsTarget> {
    const ca = caBundle ? { ca: Buffer.from(caBundle, 'base64').toString() } : {};
    const asked = (path: string) => askedPath(path, toldSeconds * 1000);
    if (service) {
      const { namespace, name, path = '', port = 443 } = service;
      const serverName = `${name}.${namespace}.svc`;
      const at = `https://${serverName}:${port}${asked(path)}`;
      const connect = await this.#resolve({ namespace, name, port }).catch((error: unknown) => {
        if (!(error instanceof CallError)) throw error;
        throw new CallError(`Post ${JSON.stringify(at)}: ${error.message}`);
      });
      return { url: at, connect, serverName, ...ca };
    }
    if (!url || !URL.canParse(url)) throw new CallError('webhook configuration must have either service or URL');
    const { host, pathname } = new URL(url);
    return { url: `https://${host}${asked(pathname)}`, ...ca };
  }
}
