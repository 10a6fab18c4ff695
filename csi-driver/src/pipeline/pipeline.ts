import { type Clock, type Guard, type Logger, messageOf } from '@berth/kit';
import {
  type CallContext,
  csiRoot,
  type GrpcCode,
  type GrpcError,
  type Init,
  type Service,
  type ServiceHandlers,
  type ServiceType,
} from '@berth/protos';
import type { ObserveCall } from '../driver-metrics.ts';
import { limitsOf } from './limits.ts';
import { redactorOf } from './redact.ts';
import { asCsiError } from './wire-error.ts';

/** One RPC: what it refuses, what it locks, what it does. */
export interface Method<Request, Response> {
  /** Refuses a request by its content alone. @throws GrpcError */
  readonly validate?: (request: Request) => void;
  /** What must not be worked on twice at once: volume ids and names. A busy one is ABORTED (CSI spec, "Concurrency"). */
  readonly keys?: (request: Request) => readonly string[];
  readonly run: (request: Request, signal: AbortSignal) => Promise<Init<Response>>;
}

/** An RPC that answers with a stream: it ends without an error only where everything was sent. */
export interface StreamMethod<Request, Response> {
  readonly validate?: (request: Request) => void;
  readonly stream: (request: Request, signal: AbortSignal) => AsyncIterable<Init<Response>>;
}

/** The methods a service implements; the others answer UNIMPLEMENTED. */
export type Methods<S extends ServiceType> = {
  readonly [M in keyof S]?: S[M]['stream'] extends true
    ? StreamMethod<S[M]['request'], S[M]['response']>
    : Method<S[M]['request'], S[M]['response']>;
};

export interface PipelineOptions {
  readonly clock: Clock;
  readonly guard: Guard;
  readonly log: Logger;
  /** Logs each request, secrets stripped: it costs a walk of the message. */
  readonly logRequests: boolean;
  /** Hears how each call ended. */
  readonly observe?: ObserveCall;
  /** The contract, where it is not CSI. */
  readonly root?: typeof csiRoot;
}

/** Puts every method of a table behind the same steps: limits, validation, guard, run, log, error code. */
export function handlersOf<S extends ServiceType>(
  service: Service<S>,
  methods: Methods<S>,
  options: PipelineOptions,
): ServiceHandlers<S> {
  const handlers: Record<string, unknown> = {};
  const requestTypes = (options.root ?? csiRoot).lookupService(service.name).methods;
  for (const name of service.methods) {
    const method = methods[name] as AnyMethod | undefined;
    if (!method) continue;
    requestTypes[name]?.resolve();
    const type = requestTypes[name]?.resolvedRequestType;
    if (!type) throw new Error(`${service.name}.${name} is not in the contract`);
    const path = `/${service.name}/${name}`;
    handlers[name] =
      'stream' in method
        ? streamHandlerOf({ name, path, method, type }, options)
        : handlerOf({ name, path, method, type }, options);
  }
  return handlers as ServiceHandlers<S>;
}

type AnyMethod = Method<object, unknown> | StreamMethod<object, unknown>;

interface Rpc<M extends AnyMethod> {
  readonly name: string;
  /** As it is on the wire. */
  readonly path: string;
  readonly method: M;
  readonly type: ReturnType<typeof csiRoot.lookupType>;
}

function handlerOf(rpc: Rpc<Method<object, unknown>>, options: PipelineOptions) {
  const { method } = rpc;
  const begin = callsOf(rpc, options);
  return async (request: object, { signal }: CallContext) => {
    using call = begin(request);
    try {
      call.check();
      using _claim = options.guard.claim(...(method.keys?.(request) ?? []));
      const response = await method.run(request, signal);
      call.done();
      return response;
    } catch (error) {
      throw call.failed(error);
    }
  };
}

function streamHandlerOf(rpc: Rpc<StreamMethod<object, unknown>>, options: PipelineOptions) {
  const { method } = rpc;
  const begin = callsOf(rpc, options);
  return async function* (request: object, { signal }: CallContext) {
    using call = begin(request);
    try {
      call.check();
      yield* method.stream(request, signal);
      call.done();
    } catch (error) {
      throw call.failed(error);
    }
  };
}

/** One call on its way: what is checked before it, and what is said of it. Disposing tells how it ended. */
interface Call extends Disposable {
  /** @throws GrpcError – the request is refused by its content alone. */
  readonly check: () => void;
  readonly done: () => void;
  /** The error as the CO is told it. */
  readonly failed: (error: unknown) => GrpcError;
}

/** What is the same for every RPC, before it and after. */
function callsOf({ name, path, method, type }: Rpc<AnyMethod>, options: PipelineOptions) {
  const { clock, log, logRequests, observe } = options;
  const checkLimits = limitsOf(type);
  const redact = redactorOf(type);
  return (request: object): Call => {
    const started = clock.monotonicMs();
    let code: GrpcCode = 'OK';
    if (logRequests) log.debug(`${name} called`, { request: redact(request) });
    return {
      check: () => {
        checkLimits(request);
        method.validate?.(request);
      },
      done: () => {
        if (logRequests) log.debug(`${name} done`, { ms: elapsed(clock, started) });
      },
      failed: (error) => {
        const known = asCsiError(error);
        code = known.code;
        logFailure(log, name, { error, known, ms: elapsed(clock, started) });
        return known;
      },
      [Symbol.dispose]: () => observe?.(path, code, (clock.monotonicMs() - started) / 1000),
    };
  };
}

function logFailure(log: Logger, name: string, facts: { error: unknown; known: GrpcError; ms: number }): void {
  const { error, known, ms } = facts;
  const fields = { code: known.code, reason: messageOf(known), ms };
  if (known.code !== 'INTERNAL') log.info(`${name} refused`, fields);
  else log.error(`${name} failed`, { ...fields, stack: error instanceof Error ? error.stack : undefined });
}

function elapsed(clock: Clock, started: number): number {
  return Math.round((clock.monotonicMs() - started) * 10) / 10;
}
