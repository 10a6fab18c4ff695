import type { Clock } from '@berth/kit';
import { type ClusterAccess, KubeconfigError, loadKubeconfig } from '@berth/kube';
import { CallError } from './call-error.ts';
import type { HttpsCaller, HttpsTarget } from './https-caller.ts';
import { askedPath, postReview } from './post-review.ts';

/** A review takes no longer, as upstream has it. */
const usualTimeoutMs = 30_000;
/** Upstream's backoff for what may be right the next time. */
const tries = 5;
const firstDelayMs = 500;
const delayFactor = 1.5;

/** A server that answers reviews, named by a kubeconfig file. */
export class FileWebhook {
  readonly #target: HttpsTarget;
  readonly #caller: Pick<HttpsCaller, 'call'>;
  readonly #clock: Clock;
  readonly #timeoutMs: number;

  constructor(
    target: HttpsTarget,
    {
      caller,
      clock,
      timeoutMs = usualTimeoutMs,
    }: { readonly caller: Pick<HttpsCaller, 'call'>; readonly clock: Clock; readonly timeoutMs?: number },
  ) {
    const { origin, pathname } = new URL(target.url);
    this.#target = { ...target, url: `${origin}${askedPath(pathname, timeoutMs)}` };
    this.#caller = caller;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** What `ask` makes of the answered value; asked again where the server was busy or its connection reset. @throws CallError */
  async post<T>(review: object, signal: AbortSignal, ask: (once: () => Promise<unknown>) => Promise<T>): Promise<T> {
    const post = { target: this.#target, review, timeoutMs: this.#timeoutMs, isClientLimit: true } as const;
    for (let attempt = 1, delayMs = firstDelayMs; ; attempt++, delayMs *= delayFactor) {
      try {
        return await ask(() => postReview(this.#caller, post, signal));
      } catch (error) {
        if (attempt === tries || !isTransient(error)) throw error;
        await this.#clock.sleep(delayMs, signal);
      }
    }
  }
}

/** apiserver util/webhook DefaultShouldRetry. */
function isTransient(error: unknown): boolean {
  return error instanceof CallError && (error.mayPass || error.message.endsWith('connection reset by peer'));
}

/** Reads where the server of a flag is. @throws RangeError – a file that cannot be used; names the flag. */
export async function fileWebhookTarget(flag: string, path: string): Promise<HttpsTarget> {
  const access = await loadKubeconfig(path).catch((error: unknown) => {
    throw error instanceof KubeconfigError ? new RangeError(`${flag}: ${error.message}`) : error;
  });
  const { server, ca, cert, key, tlsServerName, insecureSkipTlsVerify } = access.transport;
  if (!server.startsWith('https://'))
    throw new RangeError(`${flag}: kubeconfig ${path}: the server must be an https URL`);
  const authorization = authorizationOf(access);
  return {
    url: server,
    ...(ca === undefined ? {} : { ca: ca.toString() }),
    ...(cert === undefined || key === undefined ? {} : { cert: cert.toString(), key: key.toString() }),
    ...(tlsServerName === undefined ? {} : { serverName: tlsServerName }),
    ...(insecureSkipTlsVerify ? { insecure: true } : {}),
    ...(authorization === undefined ? {} : { headers: { authorization } }),
  };
}

function authorizationOf({ transport }: ClusterAccess): string | undefined {
  const { token, username, password = '' } = transport;
  if (token !== undefined) return `Bearer ${token}`;
  return username === undefined ? undefined : `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
