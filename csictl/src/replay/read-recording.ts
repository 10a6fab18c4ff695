import { grpcCodes } from '@berth/protos';
import { readMessage } from '../csi/read-message.ts';
import { readText } from '../csi/read-secrets.ts';
import { findRpc, type Rpc } from '../csi/rpc.ts';
import { CsictlError } from '../csictl-error.ts';
import type { CallRecord, RecordHeader } from '../proxy/call-record.ts';

/** A call of a recording with its RPC. */
export interface RecordedCall {
  readonly rpc: Rpc;
  readonly record: CallRecord;
}

export interface Recording {
  readonly header: RecordHeader;
  readonly calls: readonly RecordedCall[];
}

/**
 * A recording, whole. A last line that a crash cut short is left out; anything else must be what csictl record writes.
 * @throws CsictlError USAGE – it is not; NOT_FOUND – there is no such file.
 */
export function readRecording(path: string): Recording {
  const text = readText('recording', path);
  const lines = text.split('\n');
  const isCut = lines.pop() !== '';
  const [first, ...rest] = lines.map((line, index) => parseLine(path, line, index));
  if (!isMap(first) || first['recording'] !== 1) throw refused(path, 1, 'it does not begin as a recording');
  if (isCut && rest.length === 0 && lines.length === 0) throw refused(path, 1, 'it is empty');
  const calls = rest.map((line, index) => readCall(path, line, index + 2));
  return { header: first as unknown as RecordHeader, calls };
}

function parseLine(path: string, line: string, index: number): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw refused(path, index + 1, 'it is not JSON');
  }
}

function readCall(path: string, line: unknown, number: number): RecordedCall {
  if (!isMap(line)) throw refused(path, number, 'it is not a call');
  const rpc = typeof line['method'] === 'string' ? findRpc(line['method']) : undefined;
  if (!rpc) throw refused(path, number, 'it calls no RPC of the specification');
  const { seq, startMs, ms, code, responses, request } = line;
  const numbers = [seq, startMs, ms].every((value) => typeof value === 'number' && value >= 0);
  const isKnown = typeof code === 'string' && Object.hasOwn(grpcCodes, code);
  if (!numbers || !isKnown || !Array.isArray(responses)) throw refused(path, number, 'parts of the call are missing');
  try {
    const record = { ...line, request: readMessage(rpc.request, request) } as unknown as CallRecord;
    return { rpc, record };
  } catch (error) {
    throw refused(path, number, (error as Error).message);
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refused(path: string, line: number, why: string): CsictlError {
  return new CsictlError('USAGE', `${path}, line ${line}: ${why}`, {
    hint: 'a recording is made by csictl record --file',
  });
}
