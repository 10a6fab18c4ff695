import { readFile, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { deadline } from '@berth/kit';
import { type Program, startProgram } from '@berth/linux';
import { grpcError } from '@berth/protos';
import { type ExecFiles, writeExecProcess } from './exec-process.ts';
import { identifyProcess, killWithDescendants, signalProcess } from './process-id.ts';
import type { ContainerRecord } from './records.ts';
import type { RuntimeContext } from './runtime-context.ts';

/** CRI's bound on what a probe or hook may answer, per stream. */
const maxOutputBytes = 16 * 1024;

export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/**
 * Runs a command in a container to its end, with its output cut at 16 KiB. `timeoutMs` 0 waits for ever.
 * @throws GrpcError DEADLINE_EXCEEDED – the command was killed after the timeout.
 */
export async function execSync(
  context: RuntimeContext,
  record: ContainerRecord,
  command: readonly string[],
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<ExecResult> {
  const { oci, layout, clock, rng } = context;
  const terminal = { args: command, terminal: false };
  const files = await writeExecProcess(layout.container(record.id), rng.uuid(), terminal);
  using limit = deadline(clock, options.timeoutMs || Number.MAX_SAFE_INTEGER, options.signal);
  let program: Program | undefined;
  const kill = () => void (program && killExec(files.pidFile, program));
  limit.signal.addEventListener('abort', kill, { once: true });
  try {
    program = await startProgram(oci.path, oci.execArgs(record.id, files), { fds: ['null', 'it-writes', 'it-writes'] });
    const [stdout, stderr] = program.pipes.slice(1).map((pipe) => bounded(pipe as Readable));
    if (limit.signal.aborted) kill();
    const { code: exitCode = 137 } = await program.closed;
    if (limit.signal.aborted) {
      throw grpcError(
        'DEADLINE_EXCEEDED',
        `failed to exec in container: timeout ${options.timeoutMs} ms exceeded: context deadline exceeded`,
      );
    }
    return { exitCode, stdout: stdout!(), stderr: stderr!() };
  } finally {
    limit.signal.removeEventListener('abort', kill);
    await removeExecFiles(files);
  }
}

/**
 * Kills the command itself, by the pid the OCI runtime wrote, and then the OCI runtime that waits for it. Before it wrote that, the command is
 * among what came of it, and would begin without it.
 */
export async function killExec(pidFile: string, runtime: Program): Promise<void> {
  // What the command left running may hold the pipes open: after a kill nobody waits for their end.
  void runtime.ended.then(() => {
    for (const pipe of runtime.pipes.slice(1)) pipe?.destroy();
  });
  const pid = Number(await readFile(pidFile, 'utf8').catch(() => ''));
  if (pid > 0) signalProcess(identifyProcess(pid), 'SIGKILL');
  else if (!runtime.hasEnded) killWithDescendants(runtime.pid);
  runtime.kill('SIGKILL');
}

export async function removeExecFiles({ pidFile, processFile }: ExecFiles): Promise<void> {
  await Promise.all([pidFile, processFile].map((path) => rm(path, { force: true })));
}

/** Keeps the first bytes; the rest is read and dropped, so that the command does not block on a full pipe. */
function bounded(stream: Readable): () => Buffer {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    if (size >= maxOutputBytes) return;
    const kept = chunk.subarray(0, maxOutputBytes - size);
    size += kept.length;
    chunks.push(kept);
  });
  return () => Buffer.concat(chunks);
}
