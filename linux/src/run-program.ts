import { spawn } from 'node:child_process';
import { CodedError } from '@berth/kit';
import { startTurns } from './start-turns.ts';

export interface ProgramResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program could not be started, or answered with a code other than 0. */
export class ProgramError extends CodedError<'Failed' | 'Missing'> {}

/** Where programs are looked for: the caller's own PATH may lack sbin, and children get no other of its variables. */
export const programPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface RunOptions {
  readonly input?: string;
  readonly env?: NodeJS.ProcessEnv;
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
  options: RunOptions = {},
): Promise<ProgramResult> {
  const { timeoutMs = 120_000 } = options;
  await startTurns.arrive(1);
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: options.env ?? { PATH: programPath },
      ...(options.signal && { signal: options.signal }),
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', (error) => reject(startFailure(file, error)));
    child.on('close', (code, signal) => {
      if (child.killed) return reject(new ProgramError('Failed', `${file}: did not end within ${timeoutMs} ms`));
      resolve({
        exitCode: code ?? (signal ? 255 : 0),
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      });
    });
    // A program that ends without reading its input is judged by its exit code, not by EPIPE.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input);
  });
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

function startFailure(file: string, error: NodeJS.ErrnoException): Error {
  if (error.code !== 'ENOENT') return error;
  return new ProgramError('Missing', `${file} is not installed, or not in PATH`, { cause: error });
}
