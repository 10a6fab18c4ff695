import { asGrpcError, type CallOptions, type GrpcConnection, type GrpcError } from '@berth/protos';
import { RpcError } from '../csictl-error.ts';
import { nextStep } from './next-step.ts';
import type { Rpc } from './rpc.ts';

type Unary = (request: object, options: CallOptions) => Promise<object>;
type Streaming = (request: object, options: CallOptions) => AsyncIterable<object>;

/** Calls an RPC whose name is known at run time only. A stream gives any number of answers. @throws GrpcError */
export async function* callRpc(
  connection: GrpcConnection,
  { rpc, request }: { readonly rpc: Rpc; readonly request: object },
  options: CallOptions,
): AsyncGenerator<object> {
  const method = (connection.service(rpc.service) as Record<string, unknown>)[rpc.method];
  if (rpc.isStream) yield* (method as Streaming)(request, options);
  else yield await (method as Unary)(request, options);
}

/** A failed call in csictl's words: method, message, code, and what to do next. */
export function rpcFailure(rpc: Rpc, error: unknown): RpcError {
  const known = asGrpcError(error);
  return new RpcError(known.code, `${rpc.method}: ${wording(known)}`, {
    hint: nextStep(rpc, known.code),
    cause: error,
  });
}

/** The transport's own words about a socket nobody listens at are for nobody. */
function wording({ code, message }: GrpcError): string {
  if (code === 'UNAVAILABLE' && /ECONNREFUSED|No connection established/.test(message))
    return 'nobody listens at the socket';
  return message === '' ? 'the driver says no more' : message;
}
