import { accessSync, closeSync, constants as files } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import koffi from 'koffi';
import { children, type ProgramEnd } from './children.ts';
import { O_CLOEXEC } from './flags.ts';
import { check, errorOf } from './libc.ts';
import { spawn } from './posix-spawn.ts';
import { startTurns } from './start-turns.ts';

const pipe2 = koffi.load('libc.so.6').func('int pipe2(_Out_ int *fds, int flags)');

/** Where programs are looked for: the caller's own PATH may lack sbin, and children get no other of its variables. */
export const programPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What a descriptor of the program is: /dev/null, a pipe whose other end is ours, or an fd of ours, which the caller closes. */
export type ProgramFd = 'null' | 'it-reads' | 'it-writes' | number;

export interface ProgramOptions {
  /** From 0 on; the first three are /dev/null by default. An fd of ours must lie beyond all of them. */
  readonly fds: readonly ProgramFd[];
  /** All of its environment. Its PATH is where the program is looked for. Default {@link programPath} alone. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** In a session of its own, a terminal's Ctrl-C does not reach it. */
  readonly ownSession?: boolean;
  /** Aborted, it kills the program. */
  readonly signal?: AbortSignal | undefined;
}

export type { ProgramEnd };

/** A program that runs. It is reaped as it ends, which this process waits for; killed before, it leaves it running. */
export interface Program {
  readonly pid: number;
  /** Our ends of its pipes, by its descriptors. */
  readonly pipes: readonly (Socket | undefined)[];
  readonly ended: Promise<ProgramEnd>;
  /** The same, once what it wrote has been read to the end as well, or the pipe been destroyed. */
  readonly closed: Promise<ProgramEnd>;
  readonly hasEnded: boolean;
  /** Nothing happens to one that has ended. */
  kill(signal: NodeJS.Signals): void;
  /** This process may end before it. */
  unref(): void;
}

/**
 * Starts a program, without a shell and without a fork: until it runs, it borrows this process's memory (posix_spawn(3)). The fork of
 * node:child_process copies the table of all pages, and the event loop stands still for that and until the program runs.
 * @throws KernelError ENOENT – there is no such program, or no `cwd`; others of execve(2)
 */
export async function startProgram(file: string, args: readonly string[], options: ProgramOptions): Promise<Program> {
  const { env = { PATH: programPath }, cwd, ownSession, signal } = options;
  const fds = Array.from({ length: Math.max(3, options.fds.length) }, (_, number) => options.fds[number] ?? 'null');
  signal?.throwIfAborted();
  const envp = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
  if ([file, ...args, ...envp, cwd ?? ''].some((text) => text.includes('\0'))) {
    throw errorOf(constants.errno.EINVAL, 'execve', `${file}: an argument with a NUL byte`);
  }
  const path = findProgram(file, env['PATH'] ?? '');
  await startTurns.arrive(1);
  const pipes = fds.map((fd) => (fd === 'it-reads' || fd === 'it-writes' ? openPipe(fd) : undefined));
  try {
    const its = fds.map((fd, number) => pipes[number]?.its ?? (fd as 'null' | number));
    const pid = await spawn({ path, argv: [file, ...args], envp, cwd, ownSession, fds: its });
    return new RunningProgram(pid, { pipes: pipes.map((pipe) => pipe?.ours), signal });
  } catch (error) {
    for (const pipe of pipes) pipe?.ours.destroy();
    throw error;
  } finally {
    for (const pipe of pipes) if (pipe) closeSync(pipe.its);
  }
}

class RunningProgram implements Program {
  readonly pid: number;
  readonly pipes: Program['pipes'];
  readonly ended: Promise<ProgramEnd>;
  readonly closed: Promise<ProgramEnd>;
  hasEnded = false;

  constructor(pid: number, { pipes, signal }: Pick<Program, 'pipes'> & Pick<ProgramOptions, 'signal'>) {
    this.pid = pid;
    this.pipes = pipes;
    const kill = () => this.kill('SIGKILL');
    this.ended = children.whenEnded(pid).then((end) => {
      this.hasEnded = true;
      signal?.removeEventListener('abort', kill);
      return end;
    });
    const read = pipes.filter((pipe) => pipe?.readable).map((pipe) => new Promise((done) => pipe?.once('close', done)));
    this.closed = Promise.all([this.ended, ...read]).then(([end]) => end);
    signal?.addEventListener('abort', kill, { once: true });
    if (signal?.aborted) kill();
  }

  kill(signal: NodeJS.Signals): void {
    if (!this.hasEnded) process.kill(this.pid, signal);
  }

  unref(): void {
    children.unref(this.pid);
  }
}

function openPipe(fd: 'it-reads' | 'it-writes'): { readonly its: number; readonly ours: Socket } {
  const ends = [0, 0];
  check(pipe2(ends, O_CLOEXEC), 'pipe2', fd);
  const [reads, writes] = ends as [number, number];
  return fd === 'it-writes'
    ? { its: writes, ours: new Socket({ fd: reads, readable: true, writable: false }) }
    : { its: reads, ours: new Socket({ fd: writes, readable: false, writable: true }) };
}

/** As execvp(3) does, by the program's own PATH. */
function findProgram(file: string, path: string): string {
  if (file.includes('/')) return file;
  const found = path
    .split(':')
    .map((folder) => resolve(folder, file))
    .find(isExecutable);
  if (found === undefined) throw errorOf(constants.errno.ENOENT, 'execve', file);
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, files.X_OK);
    return true;
  } catch {
    return false;
  }
}
