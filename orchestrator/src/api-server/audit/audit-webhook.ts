import type { Clock } from '@berth/kit';
import type { HttpsCaller, HttpsTarget } from '../webhook/https-caller.ts';
import type { AuditBackend } from './audit-sink.ts';

/** Upstream's backoff. */
const tries = 5;
const defaultFirstDelayMs = 10_000;
const delayFactor = 1.5;
const timeoutMs = 30_000;
/** At its end the server tries once more, and does not wait for long. */
const lastMs = 5000;

const head = '{"kind":"Event","apiVersion":"audit.k8s.io/v1",';

export interface AuditWebhookParts {
  readonly target: HttpsTarget;
  readonly caller: Pick<HttpsCaller, 'call'>;
  readonly clock: Clock;
  /** `--audit-webhook-initial-backoff` */
  readonly firstDelayMs?: number;
}

/** `--audit-webhook-config-file`: sends events to another server, again where it does not take them. */
export class AuditWebhook implements AuditBackend {
  readonly name = 'webhook';
  readonly isRemote = true;
  readonly #parts: AuditWebhookParts;
  readonly #end = new AbortController();

  constructor(parts: AuditWebhookParts) {
    this.#parts = parts;
  }

  async deliver(lines: readonly string[]): Promise<void> {
    const { clock, firstDelayMs = defaultFirstDelayMs } = this.#parts;
    const { signal } = this.#end;
    // In a list the kind stands once.
    const items = lines.map((line) => (line.startsWith(head) ? `{${line.slice(head.length)}` : line).trimEnd());
    const body = `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${items.join(',')}]}`;
    for (let attempt = 1, delayMs = firstDelayMs; ; attempt++, delayMs *= delayFactor) {
      try {
        return await this.#post(body);
      } catch (error) {
        if (attempt === tries || signal.aborted) throw error;
        await clock.sleep(delayMs, signal).catch(() => undefined);
      }
    }
  }

  hurry(): void {
    this.#end.abort(new Error('the server is stopping'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hurry();
  }

  async #post(body: string): Promise<void> {
    const { target, caller } = this.#parts;
    const ending = this.#end.signal.aborted;
    const call = { target, method: 'POST', body, timeoutMs: ending ? lastMs : timeoutMs };
    const { status } = await caller.call(call, new AbortController().signal);
    if (status < 200 || status > 299) throw new Error(`the audit webhook answered ${status}`);
  }
}
