import { randomSuffix, systemClock, systemRng } from '@berth/kit';
import { type csi, csiNode, GrpcConnection } from '@berth/protos';
import type { Given } from '../command-action.ts';
import { oneEndpoint } from '../connect/one-endpoint.ts';
import { readSecrets, type SecretFlags } from '../csi/read-secrets.ts';
import { CsictlError } from '../csictl-error.ts';
import { type Column, printData, printRows } from '../output/print.ts';
import type { Session } from '../session.ts';
import { TrackedDriver } from '../trial/tracked-driver.ts';
import { UndoList } from '../trial/undo-list.ts';
import type { Difference } from './differences.ts';
import { type Recording, readRecording } from './read-recording.ts';
import { type ReplayedCall, replay } from './replay.ts';
import { ReplayFolders } from './replay-folders.ts';
import { Substitution } from './substitution.ts';

/** `csictl replay FILE`: plays a recording at another driver. Fails where an answer differs. */
export async function replayFile(session: Session, { argument, flags }: Given): Promise<void> {
  const recording = readRecording(String(argument));
  const paths = ((flags['mapPath'] as readonly string[] | undefined) ?? []).map(readPathRule);
  const secrets = readSecrets(flags as SecretFlags);
  const { timeoutMs } = session.options;
  using connection = new GrpcConnection(oneEndpoint(session));
  const node = await nodeOf(connection, timeoutMs);
  const nameSuffix = flags['keepNames'] === true ? '' : `-${randomSuffix(systemRng)}`;
  const names = new Substitution({ header: recording.header, node, secrets, paths, nameSuffix });
  const undo = new UndoList();
  using folders = new ReplayFolders();
  const options = { connection, names, timeoutMs, undo, folders, now: () => systemClock.monotonicMs() };
  const calls = await replay(recording.calls, options, session.signal);
  const left = await settle({ session, connection, secrets, undo, isClean: flags['clean'] === true });
  await report(session, { calls, recording, names, left });
}

/** `/var/lib/kubelet=/tmp/x` @throws CsictlError USAGE */
function readPathRule(text: string): readonly [string, string] {
  const [old = '', now = '', ...rest] = text.split('=');
  if (rest.length === 0 && old.startsWith('/') && now.startsWith('/')) return [old, now];
  throw new CsictlError('USAGE', `--map-path ${JSON.stringify(text)}: write it as /OLD=/NEW`);
}

function nodeOf(connection: GrpcConnection, timeoutMs: number): Promise<csi.NodeGetInfoResponse | undefined> {
  return connection
    .service(csiNode)
    .NodeGetInfo({}, { timeoutMs })
    .catch(() => undefined);
}

interface Settling {
  readonly session: Session;
  readonly connection: GrpcConnection;
  readonly secrets: Readonly<Record<string, string>>;
  readonly undo: UndoList;
  readonly isClean: boolean;
}

/** @returns what the replay leaves at the driver. */
async function settle({ session, connection, secrets, undo, isClean }: Settling): Promise<string[]> {
  if (!isClean) return undo.describe();
  const driver = new TrackedDriver({ connection, secrets, timeoutMs: session.options.timeoutMs, undo });
  return await driver.undoAll();
}

const columns: readonly Column<ReplayedCall>[] = [
  { name: 'CALL', value: ({ seq }) => String(seq) },
  { name: 'METHOD', value: ({ method }) => method },
  { name: 'RECORDED', value: ({ recorded }) => recorded },
  { name: 'NOW', value: ({ now }) => now, good: ({ differences }) => differences.length === 0 },
  { name: 'DIFFERENCES', value: ({ differences, note }) => differences.map(inWords).join('; ') || note },
  { name: 'MS', value: ({ recordedMs, ms }) => `${recordedMs.toFixed(1)} → ${ms.toFixed(1)}`, wide: true },
  { name: 'MESSAGE', value: ({ message }) => message, wide: true },
];

function inWords({ what, recorded, now }: Difference): string {
  const text = (value: unknown) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing'));
  return what === 'code' ? 'code' : `${what}: ${text(recorded)} → ${text(now)}`;
}

interface Replayed {
  readonly calls: readonly ReplayedCall[];
  readonly recording: Recording;
  readonly names: Substitution;
  readonly left: readonly string[];
}

async function report({ printer, signal }: Session, { calls, recording, names, left }: Replayed): Promise<void> {
  const { terminal, format } = printer;
  const different = calls.filter(({ differences }) => differences.length > 0);
  if (format === 'json' || format === 'yaml') await printData(printer, calls);
  else {
    const shown = format === 'wide' ? calls : different;
    if (shown.length > 0) await printRows(printer, shown, columns);
    terminal.out(`${calls.length} calls of ${recording.header.driver} played, ${different.length} different\n`);
  }
  if (names.missing.size > 0)
    terminal.err(
      `not in the recording, so not sent: ${[...names.missing].join(', ')} (--secrets-file gives secrets)\n`,
    );
  for (const one of left) terminal.err(`left at the driver: ${one}\n`);
  if (signal.aborted)
    throw new CsictlError('FAILED', `interrupted after ${calls.length} of ${recording.calls.length} calls`);
  if (different.length > 0) {
    throw new CsictlError('FAILED', `${different.length} of ${calls.length} calls went otherwise than recorded`, {
      hint: 'all of them, with times and messages: -o wide',
    });
  }
}
