import { GrpcConnection } from '@berth/protos';
import type { Given } from '../command-action.ts';
import { oneEndpoint } from '../connect/one-endpoint.ts';
import { printData } from '../output/print.ts';
import type { Session } from '../session.ts';
import { buildRequest } from './build-request.ts';
import { callRpc, rpcFailure } from './call-rpc.ts';
import { printResponse } from './print-response.ts';
import type { FlagValues } from './request-flags.ts';
import { templateOf, yamlTemplate } from './request-template.ts';
import type { Rpc } from './rpc.ts';

/** `csictl csi <rpc>`: builds the request, calls, prints what comes. */
export async function runRpc(session: Session, rpc: Rpc, { flags }: Given): Promise<void> {
  if (flags['template'] === true) return printTemplate(session, rpc);
  const request = buildRequest(rpc, flags as FlagValues);
  using connection = new GrpcConnection(oneEndpoint(session));
  const call = { connection, rpc, session };
  if (flags['allPages'] === true) return await printAllPages(call, request);
  for await (const response of answers(call, request)) await printResponse(session.printer, rpc.response, response);
}

interface Call {
  readonly connection: GrpcConnection;
  readonly rpc: Rpc;
  readonly session: Session;
}

/** Every answer of one call, told to -v. @throws RpcError */
async function* answers({ connection, rpc, session }: Call, request: object): AsyncGenerator<object> {
  const { signal, options, terminal, now } = session;
  const started = now();
  const trace = (code: string) => {
    if (options.verbose) terminal.err(`${rpc.method} ${code} ${(now() - started).toFixed(1)} ms\n`);
  };
  try {
    yield* callRpc(connection, { rpc, request }, { signal, timeoutMs: options.timeoutMs });
  } catch (error) {
    const failure = rpcFailure(rpc, error);
    trace(failure.code);
    throw failure;
  }
  trace('OK');
}

/** All pages as one answer: what was listed twice because it changed meanwhile stays twice. */
async function printAllPages(call: Call, request: Record<string, unknown>): Promise<void> {
  const entries: unknown[] = [];
  let startingToken = typeof request['startingToken'] === 'string' ? request['startingToken'] : '';
  const seen = new Set<string>();
  do {
    seen.add(startingToken);
    for await (const page of answers(call, { ...request, startingToken })) {
      const { entries: some, nextToken } = page as { entries: unknown[]; nextToken: string };
      entries.push(...some);
      startingToken = nextToken;
    }
    if (seen.has(startingToken) && startingToken !== '')
      throw rpcFailure(call.rpc, new Error(`the driver gave the token ${JSON.stringify(startingToken)} twice`));
  } while (startingToken !== '');
  await printResponse(call.session.printer, call.rpc.response, { entries, nextToken: '' });
}

async function printTemplate({ printer }: Session, rpc: Rpc): Promise<void> {
  if (printer.format === 'json') return printData(printer, templateOf(rpc.request));
  printer.terminal.out(yamlTemplate(rpc));
}
