import { messageOf } from '@berth/kit';
import type { cri, ServiceClient, ServiceHandlers } from '@berth/protos';
import { type CallOptions, type criRuntime as CriRuntime, criRuntime, GrpcError, grpcError } from '@berth/protos';

type Definition = (typeof CriRuntime)['definition'][string];

/**
 * A service of this process in the form of its client. Messages pass through their wire form, so that handlers see
 * complete requests and callers complete answers, exactly as over a socket, and neither can change the other's objects.
 */
export function inProcessRuntime(handlers: ServiceHandlers<cri.RuntimeService>): ServiceClient<cri.RuntimeService> {
  const methods = criRuntime.methods.map((name) => {
    const definition = criRuntime.definition[name]!;
    const handler = handlers[name] as Handler | undefined;
    return [name, definition.responseStream ? streaming(name, definition, handler) : unary(name, definition, handler)];
  });
  return Object.fromEntries(methods) as ServiceClient<cri.RuntimeService>;
}

type Handler = (request: unknown, context: { method: string; signal: AbortSignal }) => unknown;

function unary(method: string, definition: Definition, handler: Handler | undefined) {
  return async (request: unknown, options: CallOptions = {}) => {
    if (!handler) throw grpcError('UNIMPLEMENTED', `${method} is not implemented`);
    try {
      const answer = await handler(asRequest(definition, request), { method, signal: signalOf(options) });
      return asResponse(definition, answer);
    } catch (error) {
      throw asCallError(error);
    }
  };
}

function streaming(method: string, definition: Definition, handler: Handler | undefined) {
  return (request: unknown, options: CallOptions = {}) => {
    if (!handler) throw grpcError('UNIMPLEMENTED', `${method} is not implemented`);
    const source = handler(asRequest(definition, request), { method, signal: signalOf(options) });
    return (async function* () {
      try {
        for await (const item of source as AsyncIterable<unknown>) yield asResponse(definition, item);
      } catch (error) {
        throw asCallError(error);
      }
    })();
  };
}

function signalOf({ signal, timeoutMs }: CallOptions): AbortSignal {
  const given = signal ?? new AbortController().signal;
  return timeoutMs === undefined ? given : AbortSignal.any([given, AbortSignal.timeout(timeoutMs)]);
}

function asRequest(definition: Definition, message: unknown): unknown {
  return definition.requestDeserialize(definition.requestSerialize(message));
}

function asResponse(definition: Definition, message: unknown): unknown {
  return definition.responseDeserialize(definition.responseSerialize(message));
}

function asCallError(error: unknown): GrpcError {
  return error instanceof GrpcError ? error : new GrpcError('UNKNOWN', messageOf(error), { cause: error });
}
