import { ApiError, type ApiRequest, type KubeObject, type Transport } from '@berth/kube';
import {
  LostConnection,
  type Wire,
  type WireAnswer,
  type WireFrame,
  type WireRequest,
  type WireWatch,
} from './wire.ts';

/** A server of this process, by its own transport. Ended, it answers nobody, as one that was killed. */
export class InProcessWire implements Wire {
  readonly life: string;
  readonly #transport: Transport;
  readonly #end = new AbortController();

  constructor(life: string, transport: Transport) {
    this.life = `in-process ${life}`;
    this.#transport = transport;
  }

  end(): void {
    this.#end.abort();
  }

  async request(request: WireRequest): Promise<WireAnswer> {
    if (this.#end.signal.aborted) throw new LostConnection(false, undefined);
    const answer = await this.#answer(request);
    if (this.#end.signal.aborted) throw new LostConnection(true, undefined);
    return answer;
  }

  async watch(request: WireRequest, signal: AbortSignal): Promise<WireWatch> {
    const own = AbortSignal.any([signal, this.#end.signal]);
    return { status: 200, frames: framesOf(this.#transport.watch(ownRequest(request), own)) };
  }

  async #answer(request: WireRequest): Promise<WireAnswer> {
    try {
      return { status: 200, body: await this.#transport.request(ownRequest(request)) };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { status: error.status.code ?? 500, body: { ...error.status, kind: 'Status', metadata: {} } };
    }
  }
}

/** Its body is given away. */
function ownRequest({ method, path, body, contentType }: WireRequest): ApiRequest {
  return {
    method,
    path,
    ...(body === undefined ? {} : { body: structuredClone(body) }),
    ...(contentType === undefined ? {} : { contentType }),
  };
}

async function* framesOf(events: AsyncIterable<WireFrame>): AsyncGenerator<WireFrame> {
  try {
    yield* events;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    yield { type: 'ERROR', object: error.status as unknown as KubeObject };
  }
}
