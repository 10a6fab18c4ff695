import type { Clock } from '@berth/kit';
import {
  asGrpcError,
  type CallContext,
  type CallOptions,
  type GrpcConnection,
  type GrpcError,
  GrpcServer,
  grpcError,
} from '@berth/protos';
import { csiServices, type Rpc, rpcs } from '../csi/rpc.ts';
import type { CallRecorder } from './call-recorder.ts';
import type { FaultKind, FaultPlan } from './fault.ts';
import { rawService } from './raw-service.ts';

export interface ProxyOptions {
  /** The real driver. */
  readonly connection: GrpcConnection;
  /** Where callers find the proxy, `unix:///path`. */
  readonly listen: string;
  readonly faults: FaultPlan;
  readonly recorder: CallRecorder;
  readonly clock: Clock;
}

type RawUnary = (request: Buffer, options: CallOptions) => Promise<Buffer>;
type RawStream = (request: Buffer, options: CallOptions) => AsyncIterable<Buffer>;

/** Serves every RPC of the specification by passing it on to the real driver, bytes as they came. */
export async function startProxy(options: ProxyOptions): Promise<GrpcServer> {
  const server = new GrpcServer();
  for (const service of csiServices) {
    const raw = rawService(service);
    const client = options.connection.service(raw) as unknown as Record<string, unknown>;
    const ofService = rpcs.filter((rpc) => rpc.service.name === service.name);
    const handlers = ofService.map((rpc) => [rpc.method, handlerOf(rpc, client[rpc.method], options)]);
    server.add(raw, Object.fromEntries(handlers));
  }
  await server.listen(options.listen);
  return server;
}

function handlerOf(rpc: Rpc, method: unknown, options: ProxyOptions) {
  const forward = rpc.isStream ? (method as RawStream) : oneOf(method as RawUnary);
  const run = (request: Buffer, { signal }: CallContext) => passOn({ rpc, request, forward, signal }, options);
  if (rpc.isStream) return run;
  return async (request: Buffer, context: CallContext) => {
    for await (const response of run(request, context)) return response;
    throw grpcError('INTERNAL', 'the driver answered with nothing');
  };
}

function oneOf(call: RawUnary): RawStream {
  return async function* (request, options) {
    yield await call(request, options);
  };
}

interface Call {
  readonly rpc: Rpc;
  readonly request: Buffer;
  readonly forward: RawStream;
  readonly signal: AbortSignal;
}

/** One call, with what is done to it; it is written down before its caller has the last of the answer. */
async function* passOn(call: Call, { faults, recorder, clock }: ProxyOptions): AsyncGenerator<Buffer> {
  const { rpc, request, signal } = call;
  const fault = faults.next(rpc.method);
  const record = recorder.begin(rpc, request, fault?.text);
  let error: GrpcError | undefined;
  // A stream is passed on as it comes; a single message waits until it is written down.
  let held: Buffer | undefined;
  try {
    for await (const response of perform(call, fault?.does, clock)) {
      record.received(response);
      if (!rpc.isStream) held = response;
      else if (fault?.does.kind !== 'drop-reply') yield response;
    }
  } catch (thrown) {
    error = asGrpcError(thrown);
  }
  await record.end(error);
  const drop = fault?.does;
  if (drop?.kind === 'drop-reply' || drop?.kind === 'drop-request') await dropped(drop.code, signal);
  if (error) throw error;
  if (held) yield held;
}

const notCalled = 'a fault of csictl record, the driver was not called';

async function* perform(
  { request, forward, signal }: Call,
  fault: FaultKind | undefined,
  clock: Clock,
): AsyncGenerator<Buffer> {
  switch (fault?.kind) {
    case 'error':
      throw grpcError(fault.code, notCalled);
    case 'drop-request':
      throw grpcError(fault.code ?? 'CANCELLED', notCalled);
    case 'drop-reply':
      // The driver does not learn that its caller has gone.
      return yield* forward(request, {});
    case 'delay':
      await clock.sleep(fault.ms, signal);
      break;
    case 'duplicate':
      for await (const _ of forward(request, { signal }));
  }
  yield* forward(request, { signal });
}

/** No answer until the caller gives up, or a code. */
async function dropped(code: GrpcError['code'] | undefined, signal: AbortSignal): Promise<never> {
  if (code !== undefined) throw grpcError(code, 'a fault of csictl record, the answer was dropped');
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  throw grpcError('CANCELLED', 'the caller has gone');
}
