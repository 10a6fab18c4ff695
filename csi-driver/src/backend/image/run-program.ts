import { execFile } from 'node:child_process';
import { type Clock, deadline } from '@berth/kit';
import { grpcError } from '@berth/protos';

export interface ProgramResult {
  readonly exitCode: number;
  /** What it wrote, standard error last. */
  readonly output: string;
}

/** Runs programs of the system: an argument array, no shell, a deadline after which the program is killed. */
export type RunProgram = (program: string, args: readonly string[], timeoutMs: number) => Promise<ProgramResult>;

const maxOutputBytes = 1024 * 1024;

/** @throws GrpcError FAILED_PRECONDITION – not installed; DEADLINE_EXCEEDED – it was killed. From the returned function. */
export function programRunner(clock: Clock): RunProgram {
  return async (program, args, timeoutMs) => {
    using limit = deadline(clock, timeoutMs);
    return await new Promise<ProgramResult>((resolve, reject) => {
      const options = {
        signal: limit.signal,
        killSignal: 'SIGKILL',
        maxBuffer: maxOutputBytes,
        env: environment(),
      } as const;
      const child = execFile(program, [...args], options, (error, stdout, stderr) => {
        const output = `${stdout}${stderr}`;
        if (!error) return resolve({ exitCode: 0, output });
        const { code } = error as { code?: unknown };
        if (typeof code === 'number') return resolve({ exitCode: code, output });
        if (code === 'ENOENT') reject(grpcError('FAILED_PRECONDITION', `${program} is not installed on this node`));
        else if (limit.signal.aborted)
          reject(grpcError('DEADLINE_EXCEEDED', `${program} did not end in ${timeoutMs / 1000} s and was stopped`));
        else reject(error);
      });
      // One that asks a question ends, where it would wait for an answer.
      child.stdin?.on('error', () => undefined).end();
    });
  };
}

/** Messages are parsed in no other language, and nothing of ours is passed on. */
function environment(): NodeJS.ProcessEnv {
  return { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
}
