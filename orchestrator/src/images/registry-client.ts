import { Backoff, type Clock, deadline } from '@berth/kit';
import { collectUpTo } from './collect-up-to.ts';
import { maxJsonBytes } from './content-store.ts';
import { ImageError } from './image-error.ts';
import type { ImageReference } from './image-reference.ts';
import { authorize, parseChallenge, type RegistryAuth } from './registry-auth.ts';

export interface RegistryOptions {
  readonly clock: Clock;
  readonly auth?: RegistryAuth;
  readonly signal?: AbortSignal;
}

const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** How often a request is tried that a busy registry or a broken line let fail. */
const tries = 5;
const backoff = new Backoff({ initialMs: 200, maxMs: 5000 });
/** A registry that asks for more patience than this gets its turn by the kubelet's own back-off. */
const mostPatienceMs = 30_000;
/** Without an answer, or without one more byte of it. */
const stallMs = 60_000;

/** One repository at its registry, by the OCI distribution protocol 1.1. */
export class Registry {
  readonly #repository: string;
  readonly #options: RegistryOptions;
  readonly #origin: string;
  #authorization: string | undefined;
  #authorizing: Promise<string> | undefined;

  constructor({ registry, repository }: ImageReference, options: RegistryOptions) {
    this.#repository = repository;
    this.#options = options;
    const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
    // Plain HTTP only to this machine itself, as Docker and containerd do.
    this.#origin = `${/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host) ? 'http' : 'https'}://${host}`;
    if (options.auth?.registryToken) this.#authorization = `Bearer ${options.auth.registryToken}`;
  }

  /** @throws ImageError NotFound, Denied, Unavailable; Invalid – it is too large to be a manifest. */
  async manifest(tagOrDigest: string): Promise<Buffer> {
    const download = this.#download(`manifests/${tagOrDigest}`, { accept: manifestTypes }, undefined);
    const manifest = await collectUpTo(maxJsonBytes, download);
    if (!manifest) throw new ImageError('Invalid', 'the registry sent a manifest of more than 4 MiB');
    return manifest;
  }

  /** A blob's bytes; a broken connection is taken up again where it broke. */
  blob(digest: string, sizeBytes: number | undefined): AsyncGenerator<Uint8Array> {
    return this.#download(`blobs/${digest}`, {}, sizeBytes);
  }

  async *#download(
    path: string,
    headers: Record<string, string>,
    sizeBytes: number | undefined,
  ): AsyncGenerator<Uint8Array> {
    let at = 0;
    for (let failures = 0; ; ) {
      const range = at > 0 ? { range: `bytes=${at}-` } : {};
      const response = await this.#get(path, { ...headers, ...range });
      // A registry without ranges starts over.
      let skip = response.status === 206 ? 0 : at;
      const before = at;
      try {
        for await (const chunk of this.#body(response)) {
          const fresh = chunk.subarray(Math.min(skip, chunk.length));
          skip -= chunk.length - fresh.length;
          at += fresh.length;
          if (fresh.length > 0) yield fresh;
        }
        if (sizeBytes === undefined || at >= sizeBytes) return;
        throw new Error(`the connection ended after ${at} of ${sizeBytes} bytes`);
      } catch (error) {
        this.#options.signal?.throwIfAborted();
        failures = at > before ? 1 : failures + 1;
        // What has no known size can't be taken up again: a manifest.
        if (failures >= tries || (sizeBytes === undefined && at > 0)) throw this.#unreachable(error);
        await this.#wait(failures);
      }
    }
  }

  async *#body(response: Response): AsyncGenerator<Uint8Array> {
    const reader = response.body?.getReader();
    if (!reader) return;
    try {
      for (;;) {
        using stall = deadline(this.#options.clock, stallMs, this.#options.signal);
        stall.signal.addEventListener('abort', () => void reader.cancel().catch(() => undefined), { once: true });
        const { done, value } = await reader.read();
        stall.signal.throwIfAborted();
        if (done) return;
        yield value;
      }
    } finally {
      await reader.cancel().catch(() => undefined);
    }
  }

  /** Tries again what may pass: lost connections, 5xx, and 429 after the time it asks for. */
  async #get(path: string, headers: Record<string, string>): Promise<Response> {
    for (let failures = 1; ; failures++) {
      const response = await this.#authorized(path, headers).catch((error: unknown) => {
        this.#options.signal?.throwIfAborted();
        if (error instanceof ImageError || failures >= tries) throw this.#unreachable(error);
      });
      if (response?.ok) return response;
      await response?.body?.cancel();
      const pauseMs = retryAfterMs(response?.headers.get('retry-after'), this.#options.clock);
      if (response) {
        const passing = response.status >= 500 || response.status === 429 || response.status === 408;
        if (!passing || failures >= tries || (pauseMs ?? 0) > mostPatienceMs) throw this.#refusal(path, response);
      }
      await this.#wait(failures, pauseMs);
    }
  }

  async #authorized(path: string, headers: Record<string, string>): Promise<Response> {
    const used = this.#authorization;
    const response = await this.#fetch(path, headers);
    if (response.status !== 401) return response;
    await response.body?.cancel();
    // Layers are fetched beside each other: one token for all, and a new one when it has run out.
    if (this.#authorization === used) {
      this.#authorizing ??= this.#authorize(response).finally(() => {
        this.#authorizing = undefined;
      });
      this.#authorization = await this.#authorizing;
    }
    return this.#fetch(path, headers);
  }

  async #authorize(response: Response): Promise<string> {
    const { auth, clock, signal } = this.#options;
    using limit = deadline(clock, stallMs, signal);
    const challenge = parseChallenge(response.headers.get('www-authenticate') ?? '');
    const scope = `repository:${this.#repository}:pull`;
    return await authorize(challenge, { auth, scope, signal: limit.signal });
  }

  async #fetch(path: string, headers: Record<string, string>): Promise<Response> {
    const authorization = this.#authorization ? { authorization: this.#authorization } : {};
    const { clock, signal } = this.#options;
    // The deadline is for the answer to begin; `#body` watches over the rest.
    using answer = deadline(clock, stallMs, signal);
    return await fetch(`${this.#origin}/v2/${this.#repository}/${path}`, {
      headers: { ...headers, ...authorization },
      signal: answer.signal,
    });
  }

  #wait(failures: number, pauseMs = backoff.delayAfter(failures - 1)): Promise<void> {
    return this.#options.clock.sleep(pauseMs, this.#options.signal);
  }

  #refusal(path: string, { status, statusText }: Response): ImageError {
    if (status === 404 && path.startsWith('blobs/'))
      return new ImageError('NotFound', `${path.slice('blobs/'.length)}: not found`);
    if (status === 404) return new ImageError('NotFound', 'not found');
    if (status === 401 || status === 403)
      return new ImageError('Denied', 'pull access denied, repository does not exist or may require authorization');
    const text = `unexpected status from GET request to ${this.#origin}/v2/${this.#repository}/${path}: ${status} ${statusText}`;
    return new ImageError('Unavailable', status === 429 ? `${text}: toomanyrequests` : text);
  }

  #unreachable(error: unknown): ImageError {
    if (error instanceof ImageError) return error;
    const { cause, message } = error as Error;
    const why = cause instanceof Error ? cause.message || String((cause as { code?: string }).code) : message;
    return new ImageError('Unavailable', `failed to do request to ${this.#origin}: ${why}`, { cause: error });
  }
}

/** `Retry-After`: seconds or a date (RFC 9110 §10.2.3). */
function retryAfterMs(header: string | null | undefined, clock: Clock): number | undefined {
  if (header === null || header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - clock.now());
}
