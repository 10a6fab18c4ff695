import { closeSync, fsync, openSync } from 'node:fs';
import { promisify } from 'node:util';

const fsyncAsync = promisify(fsync);

/** fsync of one directory, shared by all who ask before it begins. */
export class SharedSync implements Disposable {
  readonly #fd: number;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(path: string) {
    this.#fd = openSync(path, 'r');
  }

  /** Resolves when every name made or removed before the call is on disk. */
  sync(): Promise<void> {
    // One that already runs may have begun before the caller's change: wait for the one after it.
    this.#next ??= this.#afterRunning();
    return this.#next;
  }

  async #afterRunning(): Promise<void> {
    await this.#running?.catch(() => undefined);
    this.#next = undefined;
    this.#running = fsyncAsync(this.#fd);
    await this.#running;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
