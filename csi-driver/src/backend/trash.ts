import { readdirSync } from 'node:fs';
import { type Logger, messageOf } from '@berth/kit';
import { type Fd, removeSubvolumeAt, removeTree } from '@berth/linux';
import { releaseProject } from './directory/project-limits.ts';

/** Removes what lies in the trash folder, in the background and after a restart again. What cannot be removed stays and is logged. */
export class Trash implements AsyncDisposable {
  readonly #folder: Fd;
  readonly #log: Logger;
  readonly #stuck = new Set<string>();
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(folder: Fd, log: Logger) {
    this.#folder = folder;
    this.#log = log;
  }

  /** Starts emptying, unless that is under way. */
  empty(): void {
    this.#again = true;
    this.#running ??= this.#loop().finally(() => {
      this.#running = undefined;
      // What came after the last look would lie there until the next deletion.
      if (this.#again && !this.#closed) this.empty();
    });
  }

  /** Resolves when nothing removable is left. */
  async emptied(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** Stops after the entry in work; the rest is for the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.emptied();
  }

  async #loop(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      for (const name of this.#entries()) {
        if (this.#closed) return;
        if (!this.#stuck.has(name)) await this.#remove(name);
      }
    }
  }

  /** Nobody waits for the emptying, so nobody could be told: what cannot be looked at now is for the next deletion. */
  #entries(): string[] {
    try {
      return readdirSync(this.#folder.path);
    } catch (error) {
      this.#log.warn('the trash cannot be read; trying again with the next deletion', { reason: messageOf(error) });
      return [];
    }
  }

  async #remove(name: string): Promise<void> {
    try {
      releaseProject(this.#folder, name);
      if (!(await removeSubvolumeAt(this.#folder, name))) await removeTree(this.#folder, name);
    } catch (error) {
      this.#stuck.add(name);
      this.#log.warn('deleted volume cannot be removed from the trash; trying again at the next start', {
        entry: name,
        reason: messageOf(error),
      });
    }
  }
}
