import type { OutgoingHttpHeaders } from 'node:http2';
import { Channel } from '@berth/kit';
import { type CallOptions, GrpcCall } from './grpc-call.ts';
import { type GrpcError, grpcError } from './grpc-error.ts';
import type { Init, ServiceType } from './grpc-types.ts';
import { Http2Link, type LinkOptions } from './http2-link.ts';
import type { Service } from './service.ts';

export interface ConnectionOptions extends LinkOptions {
  /** Sent with every call. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A call whose both sides are streams. Disposing cancels it; iterating throws GrpcError. */
export interface DuplexCall<Request, Response> extends AsyncIterable<Response>, Disposable {
  /** Nothing happens when the call has ended. */
  write(request: Init<Request>): void;
}

/** Methods of a service as promises (or async iterables where the answer is a stream). All throw GrpcError. */
export type ServiceClient<S extends ServiceType> = {
  readonly [M in keyof S]: S[M] extends { duplex: true }
    ? (options?: CallOptions) => DuplexCall<S[M]['request'], S[M]['response']>
    : S[M]['stream'] extends true
      ? (request: Init<S[M]['request']>, options?: CallOptions) => AsyncIterable<S[M]['response']>
      : (request: Init<S[M]['request']>, options?: CallOptions) => Promise<S[M]['response']>;
};

/** So many messages wait for whoever iterates; then the other side has to. */
const messagesAhead = 16;

/**
 * One connection to a gRPC endpoint such as `unix:///run/csi.sock`, made with the first call and made anew when it has ended;
 * services are called through {@link service}.
 */
export class GrpcConnection implements Disposable {
  readonly endpoint: string;
  readonly #link: Http2Link;
  readonly #metadata: Readonly<Record<string, string>>;

  constructor(endpoint: string, { metadata = {}, ...options }: ConnectionOptions = {}) {
    this.endpoint = endpoint;
    this.#link = new Http2Link(endpoint, options);
    this.#metadata = metadata;
  }

  service<S extends ServiceType>(service: Service<S>): ServiceClient<S> {
    const methods = service.methods.map((name) => {
      const { requestStream, responseStream } = service.definition[name]!;
      if (requestStream) return [name, this.#duplex(service, name)];
      return [name, responseStream ? this.#streaming(service, name) : this.#unary(service, name)];
    });
    return Object.fromEntries(methods) as ServiceClient<S>;
  }

  /** Whether it is connected, or comes to be within `timeoutMs`; false as soon as an attempt has failed. */
  async ready(timeoutMs: number): Promise<boolean> {
    if (this.#link.session) return true;
    return await new Promise((resolve) => {
      const timer = this.#link.clock.schedule(timeoutMs, () => resolve(false));
      const tell = (isReady: boolean) => {
        timer[Symbol.dispose]();
        resolve(isReady);
      };
      this.#link.connect().then(
        () => tell(true),
        () => tell(false),
      );
    });
  }

  [Symbol.dispose](): void {
    this.#link[Symbol.dispose]();
  }

  #unary<S extends ServiceType>(service: Service<S>, name: string) {
    const { path, requestSerialize, responseDeserialize } = service.definition[name]!;
    const head = this.#head(path);
    return (request: unknown, options: CallOptions = {}) =>
      new Promise((resolve, reject) => {
        const message = requestSerialize(request);
        let answer: unknown;
        const onMessage = (bytes: Buffer) => {
          answer = responseDeserialize(bytes);
        };
        const onEnd = (error: GrpcError | undefined) => {
          if (error) reject(error);
          else if (answer === undefined) reject(grpcError('INTERNAL', 'the answer has no message'));
          else resolve(answer);
        };
        new GrpcCall(this.#link, head, { onMessage, onEnd }, options).send(message, true);
      });
  }

  #streaming<S extends ServiceType>(service: Service<S>, name: string) {
    const { requestSerialize } = service.definition[name]!;
    const open = this.#opener(service, name);
    return async function* (request: unknown, options: CallOptions = {}) {
      const { call, messages } = open(options);
      call.send(requestSerialize(request), true);
      yield* readAll(call, messages);
    };
  }

  #duplex<S extends ServiceType>(service: Service<S>, name: string) {
    const { requestSerialize } = service.definition[name]!;
    const open = this.#opener(service, name);
    return (options: CallOptions = {}): DuplexCall<unknown, unknown> => {
      const { call, messages } = open(options);
      return {
        write: (request) => call.send(requestSerialize(request)),
        [Symbol.asyncIterator]: () => readAll(call, messages),
        [Symbol.dispose]: call.cancel,
      };
    };
  }

  #opener<S extends ServiceType>(service: Service<S>, name: string) {
    const { path, responseDeserialize } = service.definition[name]!;
    const head = this.#head(path);
    return (options: CallOptions) => {
      const messages = new Channel<unknown>();
      const onMessage = (bytes: Buffer) => {
        messages.push(responseDeserialize(bytes));
        if (messages.length >= messagesAhead) call.pause();
      };
      const onEnd = (error: GrpcError | undefined) => messages.end(error);
      const call = new GrpcCall(this.#link, head, { onMessage, onEnd }, options);
      return { call, messages };
    };
  }

  #head(path: string): OutgoingHttpHeaders {
    return { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...this.#metadata };
  }
}

async function* readAll(call: GrpcCall, messages: Channel<unknown>): AsyncGenerator<unknown> {
  try {
    for await (const message of messages) {
      yield message;
      if (messages.length === 0) call.resume();
    }
  } finally {
    call.cancel();
  }
}
