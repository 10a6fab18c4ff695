import type { Clock } from '@berth/kit';
import { type ClusterAccess, isRecord, KubeconfigError, loadKubeconfig } from '@berth/kube';
import { notAnObject } from '../decoding/type-meta.ts';
import { answerWords } from './answer-words.ts';
import { CallError } from './call-error.ts';
import type { HttpsCaller, HttpsTarget } from './https-caller.ts';
import { readAnswer } from './read-answer.ts';

/** A review takes no longer, as upstream has it. */
const usualTimeoutMs = 30_000;
/** Upstream's backoff for what may be right the next time. */
const tries = 5;
const firstDelayMs = 500;
const delayFactor = 1.5;

/** A server that answers reviews, named by a kubeconfig file. */
export class FileWebhook {
  readonly #target: HttpsTarget;
  readonly #caller: HttpsCaller;
  readonly #clock: Clock;
  readonly #timeoutMs: number;

  constructor(
    target: HttpsTarget,
    {
      caller,
      clock,
      timeoutMs = usualTimeoutMs,
    }: { readonly caller: HttpsCaller; readonly clock: Clock; readonly timeoutMs?: number },
  ) {
    this.#target = target;
    this.#caller = caller;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** The answered object; asked again where the server was busy or broke off. @throws CallError */
  async post(review: object, signal: AbortSignal): Promise<Record<string, unknown>> {
    for (let attempt = 1, delayMs = firstDelayMs; ; attempt++, delayMs *= delayFactor) {
      try {
        return await this.#once(JSON.stringify(review), signal);
      } catch (error) {
        if (attempt === tries || !mayPass(error)) throw error;
        await this.#clock.sleep(delayMs, signal);
      }
    }
  }

  async #once(body: string, signal: AbortSignal): Promise<Record<string, unknown>> {
    const call = { target: this.#target, method: 'POST', body, timeoutMs: this.#timeoutMs } as const;
    const answer = await this.#caller.call(call, signal);
    const { status } = answer;
    if (status < 200 || status > 206)
      throw new CallError(answerWords(status, answer.body, answer.headers['content-type']), { status });
    const value = await readAnswer(answer.body, signal);
    if (isRecord(value)) return value;
    throw new CallError(notAnObject(value));
  }
}

function mayPass(error: unknown): boolean {
  if (!(error instanceof CallError)) return false;
  if (error.status !== undefined) return [429, 500, 504].includes(error.status);
  return /connection reset|EOF$/.test(error.message);
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
