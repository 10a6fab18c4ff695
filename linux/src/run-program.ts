import { CodedError } from '@berth/kit';
import { isErrno } from './kernel-error.ts';
import { startProgram } from './start-program.ts';

export interface ProgramResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program could not be started, or answered with a code other than 0. */
export class ProgramError extends CodedError<'Failed' | 'Missing'> {}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** After it the program is killed; 2 minutes, which is what a kubelet gives a runtime's answer. */
  readonly timeoutMs?: number;
}

/**
 * Runs a program to its end with its output collected. Never through a shell.
 * @throws ProgramError – it is not installed, or hangs.
 */
export async function runProgram(
  file: string,
  args: readonly string[],
  { input, env, signal, timeoutMs = 120_000 }: RunOptions = {},
): Promise<ProgramResult> {
  const late = AbortSignal.timeout(timeoutMs);
  const end = signal ? AbortSignal.any([signal, late]) : late;
  const program = await startProgram(file, args, {
    fds: [input === undefined ? 'null' : 'it-reads', 'it-writes', 'it-writes'],
    ...(env && { env }),
    signal: end,
  }).catch((error: Error) => {
    throw startFailure(file, error);
  });
  const [stdin, stdout, stderr] = program.pipes;
  const [said, complained]: [Buffer[], Buffer[]] = [[], []];
  stdout?.on('data', (chunk: Buffer) => said.push(chunk));
  stderr?.on('data', (chunk: Buffer) => complained.push(chunk));
  // A program that ends without reading its input is judged by its exit code, not by EPIPE.
  stdin?.on('error', () => undefined).end(input ?? '');
  // What it left running may hold its pipes open: after a kill nobody waits for their end.
  const drop = () => program.pipes.forEach((pipe) => void pipe?.destroy());
  end.addEventListener('abort', drop, { once: true });
  if (end.aborted) drop();
  const { code } = await program.closed;
  end.removeEventListener('abort', drop);
  signal?.throwIfAborted();
  if (late.aborted) throw new ProgramError('Failed', `${file}: did not end within ${timeoutMs} ms`);
  return { exitCode: code ?? 255, stdout: textOf(said), stderr: textOf(complained) };
}

/** As {@link runProgram}. @throws ProgramError when it fails; the message carries its last line of complaint. */
export async function mustRun(...call: Parameters<typeof runProgram>): Promise<string> {
  const result = await runProgram(...call);
  if (result.exitCode === 0) return result.stdout;
  const complaint = result.stderr.trim().split('\n').at(-1) || result.stdout.trim().split('\n').at(-1) || 'no message';
  throw new ProgramError('Failed', `${call[0]} ${call[1][0] ?? ''}: exit code ${result.exitCode}: ${complaint}`, {
    detail: result.stderr,
  });
}

function textOf(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString();
}

function startFailure(file: string, error: Error): Error {
  if (!isErrno(error, 'ENOENT')) return error;
  return new ProgramError('Missing', `${file} is not installed, or not in PATH`, { cause: error });
}
