import { type Clock, messageOf } from '@berth/kit';
import { TokenBucket } from '../admission/event-rate-limit/token-bucket.ts';
import type { HttpsCaller, HttpsTarget } from '../webhook/https-caller.ts';
import type { AuditSink } from './auditor.ts';

/** Upstream's numbers (`--audit-webhook-batch-*` and its backoff). */
const mostWaiting = 10_000;
const batchSize = 400;
const batchMs = 30_000;
const batchesPerSecond = { qps: 10, burst: 15 };
const tries = 5;
const firstDelayMs = 10_000;
const delayFactor = 1.5;
const timeoutMs = 30_000;
/** At its end the server tries once more, and does not wait for long. */
const lastMs = 5000;

const head = '{"kind":"Event","apiVersion":"audit.k8s.io/v1",';

export interface AuditWebhookParts {
  readonly target: HttpsTarget;
  readonly caller: Pick<HttpsCaller, 'call'>;
  readonly clock: Clock;
}

/** `--audit-webhook-config-file`: sends events to another server, many at once, without keeping requests waiting. */
export class AuditWebhook implements AuditSink {
  readonly name = 'webhook';
  readonly #parts: AuditWebhookParts;
  readonly #bucket: TokenBucket;
  readonly #sending = new Set<Promise<void>>();
  readonly #end = new AbortController();
  #waiting: string[] = [];
  #timer: Disposable | undefined;
  #lost: (events: number, why: string) => void = () => undefined;

  constructor(parts: AuditWebhookParts) {
    this.#parts = parts;
    this.#bucket = new TokenBucket(parts.clock, batchesPerSecond);
  }

  tellLost(lost: (events: number, why: string) => void): void {
    this.#lost = lost;
  }

  /** @throws Error – more wait than are kept. */
  write(line: string): void {
    if (this.#waiting.length >= mostWaiting) throw new Error('audit buffer queue blocked');
    this.#waiting.push(line);
    if (this.#waiting.length >= batchSize) this.#flush();
    else this.#timer ??= this.#parts.clock.schedule(batchMs, () => this.#flush());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort(new Error('the server is stopping'));
    this.#flush();
    await Promise.all(this.#sending);
  }

  #flush(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, batchSize);
      const sent = this.#send(batch)
        .catch((error: unknown) => this.#lost(batch.length, messageOf(error)))
        .finally(() => this.#sending.delete(sent));
      this.#sending.add(sent);
    }
  }

  async #send(lines: readonly string[]): Promise<void> {
    const { clock } = this.#parts;
    const { signal } = this.#end;
    // In a list the kind stands once.
    const items = lines.map((line) => (line.startsWith(head) ? `{${line.slice(head.length)}` : line).trimEnd());
    const body = `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${items.join(',')}]}`;
    while (!signal.aborted && !this.#bucket.take()) await clock.sleep(100, signal).catch(() => undefined);
    for (let attempt = 1, delayMs = firstDelayMs; ; attempt++, delayMs *= delayFactor) {
      try {
        return await this.#post(body);
      } catch (error) {
        if (attempt === tries || signal.aborted) throw error;
        await clock.sleep(delayMs, signal).catch(() => undefined);
      }
    }
  }

  async #post(body: string): Promise<void> {
    const { target, caller } = this.#parts;
    const ending = this.#end.signal.aborted;
    const call = { target, method: 'POST', body, timeoutMs: ending ? lastMs : timeoutMs };
    const { status } = await caller.call(call, new AbortController().signal);
    if (status < 200 || status > 299) throw new Error(`the audit webhook answered ${status}`);
  }
}
