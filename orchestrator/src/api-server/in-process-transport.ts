import {
  ApiError,
  type ApiRequest,
  apiError,
  apiVersionOf,
  type KubeObject,
  type Status,
  type Transport,
  type WatchEvent,
} from '@berth/kube';
import { readingCost } from './decoding/costs.ts';
import { turns } from './decoding/turns.ts';
import type { CountedRequest } from './metrics/request-metrics.ts';
import { requestInfoOf } from './request-info.ts';
import type { RequestPipeline } from './request-pipeline.ts';
import { listKindOf } from './resource-definition.ts';
import type { Answer, AnswerObject, RequestBody, ServerRequest } from './server-request.ts';
import { StoredObject } from './stored-object.ts';
import type { User } from './user.ts';

/** In units of {@link turns}: less than requests from the wire, which are read and written, too. */
const readingRequestCost = 250;
const writingRequestCost = 1500;

const never = new AbortController().signal;

/** What metrics call the server that is asked. */
const ownHost = 'localhost';

/** Who hears of requests. */
export interface RequestListeners {
  readonly began: () => void;
  readonly ended: (request: CountedRequest) => void;
}

/** A client inside this process: the whole pipeline, but JSON values instead of bytes, shared by all who read them. */
export class InProcessTransport implements Transport {
  readonly #pipeline: RequestPipeline;
  readonly #user: User;
  readonly #tell: RequestListeners;

  constructor(pipeline: RequestPipeline, user: User, tell: RequestListeners) {
    this.#pipeline = pipeline;
    this.#user = user;
    this.#tell = tell;
  }

  async request(request: ApiRequest, signal: AbortSignal = never): Promise<unknown> {
    signal.throwIfAborted();
    const beganMs = this.#pipeline.context.clock.monotonicMs();
    this.#tell.began();
    // Hundreds of pods' workers and the controllers may ask in one turn, each as soon as it was answered.
    const pause = turns.arrive(request.method === 'GET' ? readingRequestCost : writingRequestCost);
    if (pause) await pause;
    const asked = this.#serverRequest(request, signal);
    const answer = await this.#pipeline.handle(asked).catch((error: unknown) => this.#failed(asked, error, beganMs));
    this.#ended(asked, 'status' in answer ? answer.status : 200, beganMs);
    return answer.type === 'proxied' ? proxiedResult(answer) : resultOf(answer);
  }

  async *watch(request: ApiRequest, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const asked = this.#serverRequest(request, signal);
    const answer = await this.#pipeline.handle(asked).catch((error: unknown) => this.#failed(asked, error));
    if (answer.type !== 'watch') throw apiError('BadRequest', `"${request.path}" is not a watch`);
    try {
      for await (const { type, object } of answer.frames) {
        const value = objectOf(object);
        if (type === 'ERROR') throw new ApiError(value as Status);
        yield { type, object: value };
      }
    } finally {
      this.#ended(asked, 200);
    }
  }

  #failed(request: ServerRequest, error: unknown, beganMs?: number): never {
    if (error instanceof ApiError) this.#ended(request, error.status.code ?? 500, beganMs);
    throw error;
  }

  /** `beganMs`: absent of a watch. */
  #ended({ method, path, query, contentType }: ServerRequest, code: number, beganMs?: number): void {
    const { clock, metrics } = this.#pipeline.context;
    const seconds = beganMs === undefined ? undefined : (clock.monotonicMs() - beganMs) / 1000;
    metrics.clients.asked({ host: ownHost, method, code, seconds });
    const dryRun = query.size === 0 ? '' : (query.get('dryRun') ?? '');
    this.#tell.ended({ info: requestInfoOf(method, path, query), method, contentType, dryRun, code });
  }

  #serverRequest(request: ApiRequest, signal: AbortSignal): ServerRequest {
    const question = request.path.indexOf('?');
    const path = question < 0 ? request.path : request.path.slice(0, question);
    return {
      method: request.method,
      path,
      query: new URLSearchParams(question < 0 ? '' : request.path.slice(question + 1)),
      user: this.#user,
      accept: undefined,
      contentType: request.contentType,
      body: bodyOf(request.body),
      asValues: true,
      signal,
      warn: () => undefined,
    };
  }
}

function bodyOf(value: unknown): RequestBody {
  return value === undefined ? { type: 'none' } : { type: 'value', value };
}

function objectOf(object: AnswerObject): KubeObject {
  return object instanceof StoredObject ? object.plain : object;
}

async function proxiedResult({ status, chunks }: Extract<Answer, { type: 'proxied' }>): Promise<unknown> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  const text = Buffer.concat(parts).toString();
  if (status >= 400) throw apiError('Unknown', text.slice(0, 512), { code: status });
  return JSON.parse(text);
}

/** Read in steps: whoever starts to follow a kind asks for all of it. */
async function plainItems(items: readonly StoredObject[]): Promise<readonly KubeObject[]> {
  const read: KubeObject[] = [];
  for (const item of items) {
    const pause = turns.goOn(readingCost(item));
    if (pause) await pause;
    read.push(item.plain);
  }
  return read;
}

/** Made elsewhere, it may be a refusal. */
function documentResult({ status, body }: Extract<Answer, { type: 'document' }>): unknown {
  const value: unknown = JSON.parse(Buffer.from(body).toString());
  if (status >= 400) throw new ApiError(value as Status);
  return value;
}

async function resultOf(answer: Answer): Promise<unknown> {
  switch (answer.type) {
    case 'object': {
      const value = objectOf(answer.object);
      if (answer.status >= 400) throw new ApiError(value as Status);
      return value;
    }
    case 'list': {
      const { definition, metadata, items } = answer;
      const kind = listKindOf(definition);
      return { kind, apiVersion: apiVersionOf(definition), metadata, items: await plainItems(items) };
    }
    case 'text':
      if (answer.status >= 400) throw apiError('NotFound', answer.text.trim(), { code: answer.status });
      return answer.text;
    case 'document':
      return documentResult(answer);
    default:
      throw apiError('BadRequest', `a ${answer.type} can't be read as one value`);
  }
}
