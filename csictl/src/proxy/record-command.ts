import { systemClock } from '@berth/kit';
import { csiIdentity, csiNode, GrpcConnection } from '@berth/protos';
import type { Given } from '../command-action.ts';
import { oneEndpoint } from '../connect/one-endpoint.ts';
import { socketPath } from '../connect/socket-endpoint.ts';
import { rpcFailure } from '../csi/call-rpc.ts';
import { readBytes } from '../csi/flag-values.ts';
import { findRpc } from '../csi/rpc.ts';
import { CsictlError } from '../csictl-error.ts';
import { printable } from '../output/format-table.ts';
import type { Session } from '../session.ts';
import type { CallRecord, RecordHeader } from './call-record.ts';
import { CallRecorder } from './call-recorder.ts';
import { FaultPlan, parseFault } from './fault.ts';
import { startProxy } from './proxy.ts';
import { RecordFile } from './record-file.ts';

/** `csictl record`: passes calls on to a driver until Ctrl-C, writing them down. */
export async function record(session: Session, { flags }: Given): Promise<void> {
  const { terminal, signal } = session;
  const listen = `unix://${socketPath(String(flags['listen']))}`;
  const faults = new FaultPlan(((flags['fault'] as readonly string[] | undefined) ?? []).map(parseFault));
  const maxBytes = Number(readBytes('--max-size', String(flags['maxSize'])));
  const path = flags['file'] as string | undefined;
  if (path === undefined && faults.unused().length === 0)
    throw new CsictlError('USAGE', 'nothing to do: no --file and no --fault', { hint: 'csictl record --help' });
  const endpoint = oneEndpoint(session);
  if (endpoint === listen) throw new CsictlError('USAGE', '--listen is the socket of the driver itself');
  await using stack = new AsyncDisposableStack();
  const connection = stack.use(new GrpcConnection(endpoint));
  const header = await headerOf(connection, session.options.timeoutMs);
  const warn = (line: string) => terminal.err(`csictl: ${line}\n`);
  const file = path === undefined ? undefined : stack.use(await RecordFile.create({ path, maxBytes, warn }));
  await file?.append(header);
  const write = async (call: CallRecord) => {
    if (session.options.verbose) terminal.err(lineOf(call));
    await file?.append(call);
  };
  const recorder = new CallRecorder({ clock: systemClock, write });
  await proxyUntil(
    signal,
    { connection, listen, faults, recorder, ready: `${header.driver} at ${listen}` },
    terminal.err,
  );
  await stack[Symbol.asyncDispose]();
  summarize(session, { path, file, recorder, faults });
}

interface Proxying {
  readonly connection: GrpcConnection;
  readonly listen: string;
  readonly faults: FaultPlan;
  readonly recorder: CallRecorder;
  readonly ready: string;
}

async function proxyUntil(
  signal: AbortSignal,
  { ready, ...options }: Proxying,
  tell: (text: string) => void,
): Promise<void> {
  await using _server = await startProxy({ ...options, clock: systemClock }).catch((error: Error) => {
    throw new CsictlError('FAILED', `cannot listen at ${options.listen}: ${error.message}`);
  });
  tell(`passing calls on to ${printable(ready)}; Ctrl-C ends it\n`);
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

/** Who is recorded: a replay finds its own node in the place of this one. @throws RpcError – the driver does not answer. */
async function headerOf(connection: GrpcConnection, timeoutMs: number): Promise<RecordHeader> {
  const info = await connection
    .service(csiIdentity)
    .GetPluginInfo({}, { timeoutMs })
    .catch((error: unknown) => {
      throw rpcFailure(findRpc('GetPluginInfo')!, error);
    });
  const node = await connection
    .service(csiNode)
    .NodeGetInfo({}, { timeoutMs })
    .catch(() => undefined);
  return {
    recording: 1,
    time: new Date(systemClock.now()).toISOString(),
    driver: info.name,
    version: info.vendorVersion,
    ...(node ? { nodeId: node.nodeId, segments: node.accessibleTopology?.segments ?? {} } : {}),
  };
}

function lineOf({ seq, method, code, ms, fault, message }: CallRecord): string {
  const why = message === undefined ? '' : ` ${message.split('\n')[0]}`;
  return `${printable(`${seq} ${method} ${code} ${ms.toFixed(1)} ms${fault ? ` [${fault}]` : ''}${why}`)}\n`;
}

interface Recorded {
  readonly path: string | undefined;
  readonly file: RecordFile | undefined;
  readonly recorder: CallRecorder;
  readonly faults: FaultPlan;
}

function summarize({ terminal }: Session, { path, file, recorder, faults }: Recorded): void {
  for (const { text } of faults.unused()) terminal.err(`csictl: the fault ${text} never came to pass\n`);
  if (file === undefined) return terminal.err(`${recorder.calls} calls passed on\n`);
  terminal.err(`${file.lines - 1} calls recorded in ${path}\n`);
  if (file.lost > 0) {
    throw new CsictlError('FAILED', `${file.lost} calls are not in the recording`, {
      hint: 'allow it more with --max-size, or give it a disk with room',
    });
  }
}
