import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { abortable, type Clock, CodedError, deadline } from '@berth/kit';
import { type Program, programPath, startProgram } from '@berth/linux';
import { moveProcess } from './cgroups.ts';
import { ociComplaint } from './oci-complaint.ts';
import type { OciRuntime } from './oci-runtime.ts';
import { identifyProcess } from './process-id.ts';
import type { ProcessId } from './records.ts';

export interface ConmonOptions {
  readonly conmon: string;
  readonly oci: OciRuntime;
  readonly id: string;
  readonly name: string;
  /** Holds config.json; conmon's control fifo, attach socket and pid files appear here. */
  readonly bundle: string;
  readonly exits: string;
  /** "" discards the output. */
  readonly logPath: string;
  readonly terminal: boolean;
  readonly stdin: boolean;
  /** The container's stdin ends when the first client that attached goes. */
  readonly stdinOnce: boolean;
  /** Cgroup directories it moves to before it does anything. */
  readonly cgroups: readonly string[];
  readonly clock: Clock;
}

/** What a kubelet gives a runtime's answer; an OCI runtime that hangs would hold its pod for ever. */
const answerPatienceMs = 120_000;

/** The OCI runtime could not create the container; the message is its own. */
class CreateFailedError extends CodedError<'CreateFailed'> {}

/**
 * Creates a container under a conmon of its own, which double-forks into a session of its own:
 * it owns the container's pipes, writes its log and its exit file, and outlives this process.
 */
export async function createUnderConmon(options: ConmonOptions): Promise<{ container: ProcessId; conmon?: ProcessId }> {
  const moves = options.cgroups.length > 0;
  const program = await startProgram(options.conmon, conmonArgs(options), {
    cwd: options.bundle,
    ownSession: true,
    fds: ['null', 'null', 'it-writes', 'it-writes', ...(moves ? ['it-reads' as const] : [])],
    // It does nothing before it has read from its start pipe, and takes only names that its locale can spell.
    env: { PATH: programPath, LC_ALL: 'C.UTF-8', _OCI_SYNCPIPE: '3', ...(moves && { _OCI_STARTPIPE: '4' }) },
  }).catch((cause: Error) => {
    throw new CreateFailedError('CreateFailed', `start conmon: ${cause.message}`, { cause });
  });
  const [errors, sync] = program.pipes.slice(2) as Readable[] as [Readable, Readable];
  const complaint = collect(errors);
  // Not as it exits: all that it complained of is read by now.
  const closed = program.closed.then(({ code, signal }) => {
    if (code === 0) return '';
    const how = signal ?? `exit code ${code}`;
    throw new CreateFailedError('CreateFailed', `conmon: ${how}: ${complaint().trim()}`);
  });
  closed.catch(() => undefined);
  const said = firstLine(sync).then((line) => line || closed);
  if (moves) await release(program, options.cgroups);
  const answer = await inTime(said, options.clock).finally(() => {
    for (const pipe of [errors, sync]) pipe.destroy();
    program.unref();
  });
  return processesOf(options, answer, complaint());
}

async function inTime(answer: Promise<string>, clock: Clock): Promise<string> {
  using limit = deadline(clock, answerPatienceMs);
  const late = new CreateFailedError('CreateFailed', `conmon: no answer within ${answerPatienceMs} ms`);
  return await abortable(answer, limit.signal).catch((error: unknown) => {
    throw limit.signal.aborted ? late : error;
  });
}

/** Lets conmon begin, in its cgroups; where they refuse it, in ours: it runs all the same. */
async function release({ pid, pipes }: Program, cgroups: readonly string[]): Promise<void> {
  const start = pipes[4] as Writable;
  start.on('error', () => undefined);
  await moveProcess(cgroups, pid).catch(() => undefined);
  start.end('\n');
}

async function processesOf({ bundle, id }: ConmonOptions, answer: string, complaint: string) {
  const { pid, message } = parseAnswer(answer);
  if (pid === undefined || pid <= 0) {
    throw new CreateFailedError(
      'CreateFailed',
      `create container: ${ociComplaint(message || complaint) || 'conmon gave no reason'}`,
    );
  }
  const container = identifyProcess(pid);
  if (!container) throw new CreateFailedError('CreateFailed', `create container ${id}: its first process is gone`);
  const conmon = identifyProcess(Number(await readFile(join(bundle, 'conmon.pid'), 'utf8').catch(() => '0')));
  return { container, ...(conmon && { conmon }) };
}

function conmonArgs(options: ConmonOptions): string[] {
  const { id, name, bundle, exits, oci, logPath } = options;
  return [
    ...['--api-version', '1', '-c', id, '-u', id, '-n', name, '-b', bundle],
    ...['-r', oci.path, ...oci.globalArgs.flatMap((arg) => ['--runtime-arg', arg])],
    ...['-p', join(bundle, 'container.pid'), '-P', join(bundle, 'conmon.pid')],
    ...['--exit-dir', exits, '--persist-dir', bundle, '--full-attach'],
    ...['-l', logPath === '' ? 'null' : `k8s-file:${logPath}`],
    ...(options.terminal ? ['-t'] : []),
    ...(options.stdin ? ['-i'] : []),
    ...(options.stdin && !options.stdinOnce ? ['--leave-stdin-open'] : []),
  ];
}

/** conmon's control messages, one line each (conmon src/ctrl.c): 1 is a window size, 2 reopens the log. */
export async function controlConmon(bundle: string, message: readonly [1 | 2, number, number]): Promise<void> {
  await using fifo = await open(join(bundle, 'ctl'), 'w');
  await fifo.write(`${message.join(' ')}\n`);
}

/** conmon says `{"pid": 12}`, or `{"pid": -1, "message": "…"}`, or `{"data": 12}`, on its sync pipe. */
function parseAnswer(line: string): { pid?: number; message?: string } {
  try {
    const { pid, data, message } = JSON.parse(line) as { pid?: number; data?: number; message?: string };
    return { ...((pid ?? data) !== undefined && { pid: (pid ?? data)! }), ...(message && { message }) };
  } catch {
    return { message: line };
  }
}

function firstLine(stream: Readable): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const finish = () => {
      resolve(text);
      stream.destroy();
    };
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) finish();
    });
    stream.on('end', finish);
    stream.on('error', finish);
  });
}

function collect(stream: Readable): () => string {
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    if (text.length < 16_384) text += chunk.toString();
  });
  stream.on('error', () => undefined);
  return () => text;
}
