import { constants } from 'node:os';
import { Turns } from '@berth/kit';
import koffi from 'koffi';

const lib = koffi.load('libc.so.6');
const waitpid = lib.func('int waitpid(int pid, _Out_ int *status, int options)');
const waitid = lib.func('int waitid(int idtype, int id, uint8_t *info, int options)');

/** wait(2). */
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x0100_0000;
const P_ALL = 0;

/** sizeof(siginfo_t), and where its si_pid is, on 64 bits. */
const [infoBytes, pidAt] = [128, 16];
const info = Buffer.alloc(infoBytes);

/** Whoever waited for one goes on in the same turn, and on a busy machine the kernel takes a millisecond to clear one away. */
const endTurns = new Turns(16);

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
  #isReaping = false;

  /** Its pid may be another process's as soon as this resolves. */
  whenEnded(pid: number): Promise<ProgramEnd> {
    if (!this.#port) {
      this.#port = new MessageChannel().port1;
      process.on('SIGCHLD', () => void this.#reap());
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

  /** One signal may stand for many that ended; the kernel tells which, where asking for each of a thousand takes a millisecond. */
  async #reap(): Promise<void> {
    // What ends meanwhile is found before it is done.
    if (this.#isReaping) return;
    this.#isReaping = true;
    for (let pid = endedChild(); pid !== 0; pid = endedChild()) {
      const resolve = this.#ends.get(pid);
      if (resolve) this.#reapOne(pid, resolve);
      // It is Node's to reap, or nobody knows its pid yet: it stands before all that ended later.
      else {
        this.#reapAll();
        break;
      }
      const pause = endTurns.goOn(1);
      if (pause) await pause;
    }
    this.#isReaping = false;
  }

  #reapAll(): void {
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

/** Any child that ended and was not reaped; 0: there is none, -1: there are no children at all. */
function endedChild(): number {
  // Where nothing has ended it is left as it is.
  info.fill(0);
  const result = waitid(P_ALL, 0, info, WEXITED | WNOHANG | WNOWAIT);
  return result === 0 ? info.readInt32LE(pidAt) : result;
}

/** Somebody else has reaped it (ECHILD): whether it failed nobody can tell. */
const unknown: ProgramEnd = { code: 255 };

export const children = new Children();

/** wait(2): WIFEXITED, WEXITSTATUS, WTERMSIG. */
function endOf(status: number): ProgramEnd {
  const signal = status & 0x7f;
  return signal === 0 ? { code: (status >> 8) & 0xff } : { signal: signalNames.get(signal) ?? 'SIGKILL' };
}
