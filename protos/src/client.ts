import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { asGrpcError } from './grpc-error.ts';
import type { Init, ServiceType } from './grpc-types.ts';
import type { Service } from './service.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** The deadline sent with the call; DEADLINE_EXCEEDED after it. */
  readonly timeoutMs?: number;
}

/** Methods of a service as promises (or async iterables where the answer is a stream). All throw GrpcError. */
export type ServiceClient<S extends ServiceType> = {
  readonly [M in keyof S]: S[M]['stream'] extends true
    ? (request: Init<S[M]['request']>, options?: CallOptions) => AsyncIterable<S[M]['response']>
    : (request: Init<S[M]['request']>, options?: CallOptions) => Promise<S[M]['response']>;
};

/** One connection to a gRPC endpoint such as `unix:///run/csi.sock`; services are called through {@link service}. */
export class GrpcConnection implements Disposable {
  readonly #client: Client;

  constructor(endpoint: string) {
    this.#client = new Client(endpoint, credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      // A driver that restarts must be reached again at once: grpc-js would otherwise wait up to 2 minutes.
      'grpc.initial_reconnect_backoff_ms': 20,
      'grpc.max_reconnect_backoff_ms': 500,
      // Channels of one process share their back-off otherwise: who asks first, before the driver is there, would fail the next.
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  service<S extends ServiceType>(service: Service<S>): ServiceClient<S> {
    const methods = service.methods.map((name) => {
      const { responseStream } = service.definition[name] as { responseStream: boolean };
      return [name, responseStream ? this.#streaming(service, name) : this.#unary(service, name)];
    });
    return Object.fromEntries(methods) as ServiceClient<S>;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }

  #unary<S extends ServiceType>(service: Service<S>, name: string) {
    const method = service.definition[name]!;
    return (request: unknown, { signal, timeoutMs }: CallOptions = {}) =>
      new Promise((resolve, reject) => {
        const call = this.#client.makeUnaryRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          request,
          new Metadata(),
          timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs },
          (error, response) => {
            signal?.removeEventListener('abort', cancel);
            if (error) reject(asGrpcError(error));
            else resolve(response);
          },
        );
        const cancel = () => call.cancel();
        if (signal?.aborted) cancel();
        signal?.addEventListener('abort', cancel, { once: true });
      });
  }

  #streaming<S extends ServiceType>(service: Service<S>, name: string) {
    const method = service.definition[name]!;
    return (request: unknown, { signal, timeoutMs }: CallOptions = {}) => {
      const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
      const open = () =>
        this.#client.makeServerStreamRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          request,
          new Metadata(),
          options,
        );
      return readStream(open, signal);
    };
  }
}

async function* readStream(open: () => AsyncIterable<unknown> & { cancel(): void }, signal?: AbortSignal) {
  const call = open();
  const cancel = () => call.cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    yield* call;
  } catch (error) {
    throw asGrpcError(error);
  } finally {
    signal?.removeEventListener('abort', cancel);
    call.cancel();
  }
}
