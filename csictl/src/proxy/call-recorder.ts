import type { Clock } from '@berth/kit';
import type { GrpcError } from '@berth/protos';
import type { MessageType, Rpc } from '../csi/rpc.ts';
import { type CallRecord, maxCallBytes } from './call-record.ts';
import { redactMessage, secretTexts, withoutTexts } from './redact-message.ts';

export interface RecorderOptions {
  readonly clock: Clock;
  /** Keeps a call; the caller has its answer when this resolves. */
  readonly write: (record: CallRecord) => Promise<void>;
}

/** Turns calls into records, without their secrets. */
export class CallRecorder {
  readonly #options: RecorderOptions;
  readonly #startedMs: number;
  #calls = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonicMs();
  }

  /** Calls that were begun. */
  get calls(): number {
    return this.#calls;
  }

  begin(rpc: Rpc, request: Buffer, fault: string | undefined): CallInProgress {
    const { clock } = this.#options;
    return new CallInProgress({
      rpc,
      request: decode(rpc.request, request),
      seq: ++this.#calls,
      time: new Date(clock.now()).toISOString(),
      startMs: clock.monotonicMs() - this.#startedMs,
      fault,
      elapsed: () => clock.monotonicMs() - this.#startedMs,
      write: this.#options.write,
    });
  }
}

interface CallFacts {
  readonly rpc: Rpc;
  readonly request: object;
  readonly seq: number;
  readonly time: string;
  readonly startMs: number;
  readonly fault: string | undefined;
  readonly elapsed: () => number;
  readonly write: (record: CallRecord) => Promise<void>;
}

/** One call until its end. */
class CallInProgress {
  readonly #facts: CallFacts;
  readonly #secrets: readonly string[];
  readonly #responses: Record<string, unknown>[] = [];
  #bytes = 0;
  #omitted = 0;

  constructor(facts: CallFacts) {
    this.#facts = facts;
    this.#secrets = secretTexts(facts.rpc.request, facts.request);
  }

  received(response: Buffer): void {
    this.#bytes += response.length;
    if (this.#bytes > maxCallBytes) {
      this.#omitted++;
      return;
    }
    const { response: type } = this.#facts.rpc;
    this.#responses.push(this.#clean(redactMessage(type, decode(type, response))));
  }

  async end(error: GrpcError | undefined): Promise<void> {
    const { rpc, seq, time, startMs, fault, elapsed, request, write } = this.#facts;
    const message = error && withoutTexts(error.message, this.#secrets).slice(0, 4096);
    await write({
      seq,
      time,
      startMs: round(startMs),
      ms: round(elapsed() - startMs),
      method: rpc.method,
      request: redactMessage(rpc.request, request),
      responses: this.#responses,
      ...(this.#omitted > 0 ? { omitted: this.#omitted } : {}),
      code: error?.code ?? 'OK',
      ...(message === undefined ? {} : { message }),
      ...(fault === undefined ? {} : { fault }),
    });
  }

  /** A driver may say back what it was told. */
  #clean(message: Record<string, unknown>): Record<string, unknown> {
    if (this.#secrets.length === 0) return message;
    // As it stands in JSON, where a quote in a secret is escaped.
    const texts = this.#secrets.map((secret) => JSON.stringify(secret).slice(1, -1));
    return JSON.parse(withoutTexts(JSON.stringify(message), texts)) as Record<string, unknown>;
  }
}

function decode(type: MessageType, bytes: Buffer): object {
  return type.toObject(type.decode(bytes), {
    longs: String,
    enums: String,
    defaults: true,
    arrays: true,
    objects: true,
  });
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
