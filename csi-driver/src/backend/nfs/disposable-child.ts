import { spawn } from 'node:child_process';
import { KernelError } from '@berth/linux';

export interface DisposableWork {
  /** A program and its arguments; reads the request from stdin and answers with one line of JSON. */
  readonly command: readonly string[];
  readonly request: object;
  /** Files it inherits as 3, 4 and so on. */
  readonly fds?: readonly number[];
}

/** What such a child answers. */
export type DisposableAnswer = { readonly done: true } | { readonly errno: string; readonly message: string };

/**
 * Does in a child what may hang in the kernel for ever. When the signal aborts the child is killed and left behind: it
 * ends when the kernel lets go of it, and nobody waits for that.
 * @throws KernelError – as the child met it; the signal's reason.
 */
export async function runDisposable(
  { command, request, fds = [] }: DisposableWork,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const [program = '', ...arguments_] = command;
  const child = spawn(program, arguments_, { stdio: ['pipe', 'pipe', 'ignore', ...fds] });
  let text = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
    const onAbort = () => {
      child.kill('SIGKILL');
      child.unref();
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    child.once('close', () => signal.removeEventListener('abort', onAbort));
  });
  child.stdin?.on('error', () => undefined).end(JSON.stringify(request));
  await ended;
  refuseFailure(text, child.signalCode ?? child.exitCode);
}

function refuseFailure(text: string, end: string | number | null): void {
  const answer = parse(text);
  if (!answer) throw new Error(`the mount helper ended with ${end} and said ${JSON.stringify(text.slice(0, 200))}`);
  if ('errno' in answer) throw new KernelError(answer.errno, 0, 'mount', answer.message);
}

function parse(text: string): DisposableAnswer | undefined {
  try {
    return JSON.parse(text) as DisposableAnswer;
  } catch {
    return undefined;
  }
}
