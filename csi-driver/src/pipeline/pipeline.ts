import { type Clock, type Guard, type Logger, messageOf } from '@berth/kit';
import {
  type CallContext,
  csiRoot,
  type GrpcError,
  type Init,
  type Service,
  type ServiceHandlers,
  type ServiceType,
} from '@berth/protos';
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

/** The methods a service implements; the others answer UNIMPLEMENTED. */
export type Methods<S extends ServiceType> = {
  readonly [M in keyof S]?: Method<S[M]['request'], S[M]['response']>;
};

export interface PipelineOptions {
  readonly clock: Clock;
  readonly guard: Guard;
  readonly log: Logger;
  /** Logs each request, secrets stripped: it costs a walk of the message. */
  readonly logRequests: boolean;
}

/** Puts every method of a table behind the same steps: limits, validation, guard, run, log, error code. */
export function handlersOf<S extends ServiceType>(
  service: Service<S>,
  methods: Methods<S>,
  options: PipelineOptions,
): ServiceHandlers<S> {
  const handlers: Record<string, unknown> = {};
  const requestTypes = csiRoot.lookupService(service.name).methods;
  for (const name of service.methods) {
    const method = methods[name] as Method<object, unknown> | undefined;
    if (!method) continue;
    requestTypes[name]?.resolve();
    const type = requestTypes[name]?.resolvedRequestType;
    if (!type) throw new Error(`${service.name}.${name} is not in the CSI contract`);
    handlers[name] = handlerOf({ name, method, type }, options);
  }
  return handlers as ServiceHandlers<S>;
}

interface Rpc {
  readonly name: string;
  readonly method: Method<object, unknown>;
  readonly type: ReturnType<typeof csiRoot.lookupType>;
}

function handlerOf({ name, method, type }: Rpc, options: PipelineOptions) {
  const { clock, guard, log, logRequests } = options;
  const checkLimits = limitsOf(type);
  const redact = redactorOf(type);
  return async (request: object, { signal }: CallContext) => {
    const started = clock.monotonicMs();
    if (logRequests) log.debug(`${name} called`, { request: redact(request) });
    try {
      checkLimits(request);
      method.validate?.(request);
      using _claim = guard.claim(...(method.keys?.(request) ?? []));
      const response = await method.run(request, signal);
      if (logRequests) log.debug(`${name} done`, { ms: elapsed(clock, started) });
      return response;
    } catch (error) {
      const known = asCsiError(error);
      logFailure(log, name, { error, known, ms: elapsed(clock, started) });
      throw known;
    }
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
