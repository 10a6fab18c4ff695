import { dirname } from 'node:path';
import { asGrpcError, type GrpcCode, type GrpcConnection } from '@berth/protos';
import { callRpc } from '../csi/call-rpc.ts';
import { redactMessage } from '../proxy/redact-message.ts';
import { uncertainCodes } from '../trial/tracked-driver.ts';
import type { UndoList } from '../trial/undo-list.ts';
import { type Difference, differencesOf } from './differences.ts';
import { inRecordedOrder } from './in-order.ts';
import type { RecordedCall } from './read-recording.ts';
import type { ReplayFolders } from './replay-folders.ts';
import type { Substitution } from './substitution.ts';

type Json = Record<string, unknown>;

export interface ReplayOptions {
  readonly connection: GrpcConnection;
  readonly names: Substitution;
  readonly timeoutMs: number;
  /** Told of all that the calls make. */
  readonly undo: UndoList;
  /** Makes the directories of paths that were mapped. */
  readonly folders: ReplayFolders;
  readonly now: () => number;
}

/** How one call went, beside how it had gone. */
export interface ReplayedCall {
  readonly seq: number;
  readonly method: string;
  readonly recorded: GrpcCode;
  readonly now: GrpcCode;
  readonly recordedMs: number;
  readonly ms: number;
  readonly message: string;
  readonly differences: readonly Difference[];
  /** Why it was not played, or not compared. */
  readonly note: string;
}

/** Plays calls at another driver, in their order, and compares what comes back. */
export async function replay(
  calls: readonly RecordedCall[],
  options: ReplayOptions,
  signal: AbortSignal,
): Promise<ReplayedCall[]> {
  const timed = calls.map((call) => ({ call, startMs: call.record.startMs, ms: call.record.ms }));
  return await inRecordedOrder(timed, ({ call }) => replayOne(call, options, signal), signal);
}

async function replayOne(
  { rpc, record }: RecordedCall,
  options: ReplayOptions,
  signal: AbortSignal,
): Promise<ReplayedCall> {
  const { seq, method, code: recorded, ms: recordedMs } = record;
  const call = { seq, method, recorded, recordedMs };
  const kind = record.fault?.split(':')[2] ?? '';
  if (/^(error|drop-request)/.test(kind))
    return { ...call, now: recorded, ms: 0, message: '', differences: [], note: `not played: ${record.fault}` };
  const { connection, names, timeoutMs, undo, now } = options;
  const request = names.request(record.request);
  prepareFolders(record.request, request, options);
  const started = now();
  const responses: Json[] = [];
  let error: ReturnType<typeof asGrpcError> | undefined;
  try {
    for await (const response of callRpc(connection, { rpc, request }, { signal, timeoutMs }))
      responses.push(response as Json);
  } catch (thrown) {
    error = asGrpcError(thrown);
  }
  if (!error || uncertainCodes.includes(error.code)) undo.note(method, request, error ? undefined : responses[0]);
  const ms = now() - started;
  const played = { ...call, now: error?.code ?? ('OK' as const), ms, message: error?.message ?? '' };
  if (recorded === 'CANCELLED') return { ...played, differences: [], note: 'not compared: its caller had given up' };
  if (recorded !== played.now) {
    return { ...played, differences: [{ what: 'code', recorded, now: played.now }], note: '' };
  }
  return { ...played, ...compared({ rpc, record }, responses, names) };
}

/** Compares message by message, and learns names on the way. */
function compared(
  { rpc, record }: RecordedCall,
  responses: readonly Json[],
  names: Substitution,
): Pick<ReplayedCall, 'differences' | 'note'> {
  if ((record.omitted ?? 0) > 0) return { differences: [], note: 'not compared: too large to be recorded' };
  const differences = record.responses.flatMap((old, index) => {
    const now = responses[index];
    if (!now) return [];
    names.learn(record.method, { request: record.request, old, now });
    const found = differencesOf(old, redactMessage(rpc.response, now), names);
    return rpc.isStream ? found.map((one) => ({ ...one, what: `message ${index + 1}: ${one.what}` })) : found;
  });
  if (record.responses.length !== responses.length)
    differences.push({ what: 'messages', recorded: record.responses.length, now: responses.length });
  return { differences, note: '' };
}

/** A CO makes the staging directory, and the parent of the target; under paths as recorded they are the user's matter. */
function prepareFolders(recorded: Json, { stagingTargetPath, targetPath }: Json, { folders }: ReplayOptions): void {
  const isMapped = (path: unknown, old: unknown): path is string =>
    typeof path === 'string' && path !== '' && path !== old;
  if (isMapped(stagingTargetPath, recorded['stagingTargetPath'])) folders.make(stagingTargetPath);
  if (isMapped(targetPath, recorded['targetPath'])) folders.make(dirname(targetPath));
}
