import { ApiError, apiError } from '@berth/kube';
import { bytesOf } from '../body-decoder.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import type { SentAnswer, SentRequest } from './aside-protocol.ts';
import { AsideThread, type AsideThreadParts } from './aside-thread.ts';

/** Beside each other, while they wait for webhooks; what they compute they do one after the other, and each takes memory. */
const atOnce = 2;
/** Who applies large objects applies several. */
const idleMs = 20_000;

/** Has requests answered by a thread of its own, which is there as long as there are such. */
export class AsideWork implements AsyncDisposable {
  readonly #parts: AsideThreadParts;
  readonly #waiting: (() => void)[] = [];
  #thread: AsideThread | undefined;
  #underway = 0;
  #idle: Disposable | undefined;
  #ended = false;

  constructor(parts: AsideThreadParts) {
    this.#parts = parts;
  }

  /** @throws ApiError – as the server itself would, or InternalError where the thread failed. */
  async answer(request: ServerRequest, custom: boolean): Promise<Answer> {
    const { body } = request;
    const bytes = body.type === 'none' ? undefined : await bytesOf(body);
    await this.#enter(request.signal);
    try {
      return answerOf(await this.#askThread(this.#sent(request, bytes, custom), request.signal), request);
    } finally {
      this.#leave();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    this.#idle?.[Symbol.dispose]();
    await this.#thread?.[Symbol.asyncDispose]();
  }

  #sent(request: ServerRequest, body: Uint8Array | undefined, custom: boolean): SentRequest {
    const { method, path, query, user, accept, contentType, userAgent, deadlineMs, audit } = request;
    // The thread's clock has a beginning of its own.
    const timeLeftMs = deadlineMs === undefined ? undefined : deadlineMs - this.#parts.clock.monotonicMs();
    const asked = { method, path, query: query.toString(), user, accept, contentType, userAgent };
    return { ...asked, body, timeLeftMs, custom, audited: audit?.bodies };
  }

  #askThread(request: SentRequest, signal: AbortSignal): Promise<SentAnswer> {
    if (this.#ended) throw apiError('ServiceUnavailable', 'the server is shutting down');
    if (!this.#thread || this.#thread.isEnded) this.#thread = new AsideThread(this.#parts);
    return this.#thread.ask(request, signal);
  }

  /** Waits for its turn. */
  async #enter(signal: AbortSignal): Promise<void> {
    this.#idle?.[Symbol.dispose]();
    while (this.#underway >= atOnce) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    // Whoever has gone meanwhile lets the next one in.
    if (signal.aborted) {
      this.#waiting.shift()?.();
      signal.throwIfAborted();
    }
    this.#underway++;
  }

  #leave(): void {
    this.#underway--;
    this.#waiting.shift()?.();
    if (this.#underway > 0 || this.#ended) return;
    this.#idle = this.#parts.clock.schedule(idleMs, () => {
      if (this.#underway > 0) return;
      const thread = this.#thread;
      this.#thread = undefined;
      void thread?.[Symbol.asyncDispose]();
    });
  }
}

function answerOf(answer: SentAnswer, { warn, audit }: ServerRequest): Answer {
  if ('failure' in answer) throw new Error(answer.failure);
  const { warnings, sent, answered, annotations } = answer.told;
  for (const text of warnings) warn(text);
  for (const [key, value] of annotations) audit?.annotate(key, value);
  if (sent) audit?.requestText(sent.text, sent.names);
  if (answered !== undefined) audit?.responseText(answered);
  if ('error' in answer) throw new ApiError(answer.error);
  const { status, body, headers } = answer;
  return { type: 'document', status, body, headers, made: true };
}
