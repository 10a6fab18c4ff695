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
    hint: known.code === 'UNAVAILABLE' && !isUnheard(known) ? awayHint : nextStep(rpc, known.code),
    cause: error,
  });
}

const awayHint = 'what the driver needs for it is away: look after that, then give the same command again';

function isUnheard({ code, message }: GrpcError): boolean {
  return code === 'UNAVAILABLE' && message.startsWith('No connection established');
}

/** The transport's own words about a socket nobody listens at are for nobody. A driver may tell of connections of its own. */
function wording(error: GrpcError): string {
  const { message } = error;
  if (isUnheard(error)) return 'nobody listens at the socket';
  return message === '' ? 'the driver says no more' : message;
}
