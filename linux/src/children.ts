import { constants } from 'node:os';
import koffi from 'koffi';

const waitpid = koffi.load('libc.so.6').func('int waitpid(int pid, _Out_ int *status, int options)');

/** waitpid(2). */
const WNOHANG = 1;

const signalNames = new Map(Object.entries(constants.signals).map(([name, n]) => [n, name as NodeJS.Signals]));

/** How a program ended: by itself or by a signal. */
export type ProgramEnd =
  | { readonly code: number; readonly signal?: undefined }
  | { readonly code?: undefined; readonly signal: NodeJS.Signals };

/** Children of this process that Node knows nothing of: it reaps those alone that it started. */
class Children {
  readonly #ends = new Map<number, (end: ProgramEnd) => void>();
  /** Those that this process does not end before. */
  readonly #awaited = new Set<number>();
  /** What is listened for by no timer and no socket keeps no process; an open port does. */
  #port: MessagePort | undefined;

  /** Its pid may be another process's as soon as this resolves. */
  whenEnded(pid: number): Promise<ProgramEnd> {
    if (!this.#port) {
      this.#port = new MessageChannel().port1;
      process.on('SIGCHLD', () => this.#reap());
    }
    this.#port.ref();
    this.#awaited.add(pid);
    return new Promise((resolve) => {
      this.#ends.set(pid, resolve);
      // It may have ended before anyone listened.
      this.#reapOne(pid, resolve);
    });
  }

  unref(pid: number): void {
    if (this.#awaited.delete(pid) && this.#awaited.size === 0) this.#port?.unref();
  }

  /** One signal may stand for many that ended. */
  #reap(): void {
    for (const [pid, resolve] of this.#ends) this.#reapOne(pid, resolve);
  }

  #reapOne(pid: number, resolve: (end: ProgramEnd) => void): void {
    const status = [0];
    const reaped = waitpid(pid, status, WNOHANG);
    if (reaped === 0) return;
    this.#ends.delete(pid);
    this.unref(pid);
    resolve(reaped === pid ? endOf(status[0] as number) : unknown);
  }
}

/** Somebody else has reaped it (ECHILD): whether it failed nobody can tell. */
const unknown: ProgramEnd = { code: 255 };

export const children = new Children();

/** wait(2): WIFEXITED, WEXITSTATUS, WTERMSIG. */
function endOf(status: number): ProgramEnd {
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff } : { signal: signalNames.get(signal) ?? 'SIGKILL' };
}
