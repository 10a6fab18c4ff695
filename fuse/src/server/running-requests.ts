import type { Clock } from '@berth/kit';

interface Running {
  readonly pid: number;
  readonly controller: AbortController;
  isWatched: boolean;
}

export interface RunningOptions {
  readonly clock: Clock;
  /** The process, or this thread of it, has been killed and waits only for its request to end. */
  readonly isDying: (pid: number) => boolean;
}

/** A caller that got a signal it survives may be killed later, of which the kernel says nothing. */
const lookAgainMs = 200;

/**
 * Requests under way, and who has given up on them. As with any disk, a signal that a program survives interrupts
 * nothing: programs that use signals among themselves do not expect EINTR of files. One that kills it does.
 */
export class RunningRequests {
  readonly #options: RunningOptions;
  readonly #running = new Map<bigint, Running>();

  constructor(options: RunningOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#running.size;
  }

  begin(unique: bigint, pid: number): AbortSignal {
    const running = { pid, controller: new AbortController(), isWatched: false };
    this.#running.set(unique, running);
    return running.controller.signal;
  }

  end(unique: bigint): void {
    this.#running.delete(unique);
  }

  /** The kernel says that the caller got a signal. */
  interrupt(unique: bigint): void {
    const running = this.#running.get(unique);
    if (!running || running.isWatched) return;
    running.isWatched = true;
    this.#look(unique, running);
  }

  abortAll(): void {
    for (const { controller } of this.#running.values()) controller.abort(gone());
  }

  #look(unique: bigint, running: Running): void {
    if (this.#running.get(unique) !== running) return;
    if (this.#options.isDying(running.pid)) running.controller.abort(gone());
    else this.#options.clock.schedule(lookAgainMs, () => this.#look(unique, running));
  }
}

function gone(): DOMException {
  return new DOMException('the caller is gone', 'AbortError');
}
