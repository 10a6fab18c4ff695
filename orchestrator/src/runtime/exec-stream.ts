import { closeSync, constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ReadStream } from 'node:tty';
import { isAbort } from '@berth/kit';
import { openTerminal, type Program, programPath, setTerminalSize, startProgram } from '@berth/linux';
import type { TerminalStreams } from '../node-api.ts';
import { type ExecFiles, writeExecProcess } from './exec-process.ts';
import { killExec, removeExecFiles } from './exec-sync.ts';
import type { ContainerRecord } from './records.ts';
import type { RuntimeContext } from './runtime-context.ts';

/** Runs a command in a container with the client's streams and returns its exit code. Aborting kills the command. */
export async function execStream(
  context: RuntimeContext,
  record: ContainerRecord,
  call: { readonly command: readonly string[]; readonly streams: TerminalStreams },
  signal: AbortSignal,
): Promise<number> {
  const { layout, rng } = context;
  signal.throwIfAborted();
  const process = { args: call.command, terminal: call.streams.tty };
  const files = await writeExecProcess(layout.container(record.id), rng.uuid(), process);
  let program: Program | undefined;
  const kill = () => void (program && killExec(files.pidFile, program));
  signal.addEventListener('abort', kill, { once: true });
  const run = call.streams.tty ? runInTerminal : runWithPipes;
  try {
    const onStart = (started: Program) => {
      program = started;
      if (signal.aborted) kill();
    };
    const code = await run(context, record, { ...call, files, onStart });
    signal.throwIfAborted();
    return code;
  } finally {
    signal.removeEventListener('abort', kill);
    await removeExecFiles(files);
  }
}

interface ExecRun {
  readonly streams: TerminalStreams;
  readonly files: ExecFiles;
  readonly onStart: (program: Program) => void;
}

async function runWithPipes({ oci }: RuntimeContext, { id }: ContainerRecord, run: ExecRun): Promise<number> {
  const { stdin, stdout, stderr } = run.streams;
  const program = await startProgram(oci.path, oci.execArgs(id, run.files), {
    fds: [stdin ? 'it-reads' : 'null', stdout ? 'it-writes' : 'null', stderr ? 'it-writes' : 'null'],
  });
  run.onStart(program);
  const [input, output, errors] = program.pipes;
  // The command may end without reading all its input, and the client may go away: neither is an error of the other.
  input?.on('error', () => stdin?.unpipe());
  if (input) stdin?.pipe(input);
  const outputs = [copy(output, stdout), copy(errors, stderr)];
  const { code = 137 } = await program.ended;
  stdin?.unpipe();
  await Promise.all(outputs);
  return code;
}

/**
 * The OCI runtime makes a terminal inside the container and relays it to its own; that one is ours,
 * since its master end could not be received over a socket here.
 */
async function runInTerminal({ oci }: RuntimeContext, { id }: ContainerRecord, run: ExecRun): Promise<number> {
  const { stdin, stdout, resizes } = run.streams;
  const { master, peer } = openTerminal();
  const terminal = new ReadStream(master);
  terminal.on('error', () => undefined);
  const sizes = resizes?.[Symbol.asyncIterator]();
  try {
    const program = await startProgram(oci.path, oci.execArgs(id, run.files, ['--tty']), {
      fds: [peer, peer, peer],
      env: { PATH: programPath, TERM: 'xterm' },
      ownSession: true,
    }).finally(() => closeSync(peer));
    run.onStart(program);
    const output = copy(terminal, stdout);
    stdin?.on('data', (chunk: Buffer) => terminal.write(chunk));
    if (sizes) void followSizes(sizes, { master, program, files: run.files });
    const { code = 137 } = await program.ended;
    await output;
    return code;
  } finally {
    void sizes?.return?.();
    stdin?.pause();
    terminal.destroy();
  }
}

async function followSizes(
  sizes: AsyncIterator<{ readonly width: number; readonly height: number }>,
  { master, program, files }: { readonly master: number; readonly program: Program; readonly files: ExecFiles },
): Promise<void> {
  try {
    for (let next = await sizes.next(); !next.done; next = await sizes.next()) {
      if (program.hasEnded) return;
      setTerminalSize(master, next.value);
      program.kill('SIGWINCH');
      await resizeInside(files.pidFile, next.value);
    }
  } catch (error) {
    // The client went away: the exec ends by its own signal.
    if (!isAbort(error)) return;
  }
}

/** crun's exec does not hand sizes on: the terminal inside gets it through the command's own stdin. */
async function resizeInside(pidFile: string, size: { readonly width: number; readonly height: number }): Promise<void> {
  try {
    const pid = Number(await readFile(pidFile, 'utf8'));
    await using terminal = await open(
      `/proc/${pid}/fd/0`,
      constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK,
    );
    setTerminalSize(terminal.fd, size);
  } catch {
    // It has not started, has ended, or has another stdin now: the OCI runtime sets the size at the start.
  }
}

/** Resolves when all of `source` has been handed to `target`, which stays open: the client closes it. */
async function copy(source: Readable | undefined, target: Writable | undefined): Promise<void> {
  if (!source) return;
  if (target) {
    target.once('error', () => source.resume());
    source.pipe(target, { end: false });
  } else source.resume();
  await finished(source, { writable: false }).catch(() => undefined);
}
