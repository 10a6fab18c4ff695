import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import { type ChannelOptions, Client, connectivityState, credentials, Metadata } from '@grpc/grpc-js';
import { FreshCredentials, type TlsFiles } from './fresh-credentials.ts';
import { asGrpcError } from './grpc-error.ts';
import type { Init, ServiceType } from './grpc-types.ts';
import type { Service } from './service.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** The deadline sent with the call; DEADLINE_EXCEEDED after it. */
  readonly timeoutMs?: number;
}

export interface ConnectionOptions {
  /** Asked before each connection; what it throws is why there is none. Absent: no TLS. */
  readonly tls?: () => Promise<TlsFiles>;
  /** How often the other side is asked whether it is still there, and how long it may take to answer. */
  readonly keepalive?: { readonly everyMs: number; readonly timeoutMs: number };
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

/** One connection to a gRPC endpoint such as `unix:///run/csi.sock`; services are called through {@link service}. */
export class GrpcConnection implements Disposable {
  readonly endpoint: string;
  readonly #client: Client;
  readonly #metadata = new Metadata();

  constructor(endpoint: string, { tls, keepalive, metadata = {} }: ConnectionOptions = {}) {
    this.endpoint = endpoint;
    for (const [name, value] of Object.entries(metadata)) this.#metadata.set(name, value);
    const ip = tls && ipOf(endpoint);
    const security = tls
      ? new FreshCredentials(tls, ip ? { checkServerIdentity: (_, found) => checkServerIdentity(ip, found) } : {})
      : credentials.createInsecure();
    this.#client = new Client(endpoint, security, {
      ...(keepalive ? keepaliveOptions(keepalive) : {}),
      // An address may not be sent as the name that is asked for, which grpc-js would; the certificate is held against the address.
      ...(ip ? { 'grpc.ssl_target_name_override': 'localhost' } : {}),
      'grpc.max_receive_message_length': -1,
      'grpc.enable_channelz': 0,
      // A driver that restarts must be reached again at once: grpc-js would otherwise wait up to 2 minutes.
      'grpc.initial_reconnect_backoff_ms': 20,
      'grpc.max_reconnect_backoff_ms': 500,
      // Channels of one process share their back-off otherwise: who asks first, before the driver is there, would fail the next.
      'grpc.use_local_subchannel_pool': 1,
    });
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
    const channel = this.#client.getChannel();
    const endAt = Date.now() + timeoutMs;
    for (;;) {
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) return true;
      if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) return false;
      const changed = await new Promise<boolean>((resolve) =>
        channel.watchConnectivityState(state, endAt, (error) => resolve(!error)),
      );
      if (!changed) return false;
    }
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
          this.#metadata,
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
          this.#metadata,
          options,
        );
      return readStream(open, signal);
    };
  }

  #duplex<S extends ServiceType>(service: Service<S>, name: string) {
    const method = service.definition[name]!;
    return ({ signal, timeoutMs }: CallOptions = {}): DuplexCall<unknown, unknown> => {
      const call = this.#client.makeBidiStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        this.#metadata,
        timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs },
      );
      // Told to whoever iterates; a failure before that must not end the process.
      call.on('error', () => undefined);
      return {
        write: (request) => {
          if (!call.writableEnded && !call.destroyed) call.write(request);
        },
        [Symbol.asyncIterator]: () => readStream(() => call, signal),
        [Symbol.dispose]: () => call.cancel(),
      };
    };
  }
}

/** The address of an endpoint that names no host. */
function ipOf(endpoint: string): string | undefined {
  const host = endpoint.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return isIP(host) === 0 ? undefined : host;
}

function keepaliveOptions({ everyMs, timeoutMs }: { everyMs: number; timeoutMs: number }): ChannelOptions {
  return { 'grpc.keepalive_time_ms': everyMs, 'grpc.keepalive_timeout_ms': timeoutMs };
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
