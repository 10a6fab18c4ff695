import { rm, writeFile } from 'node:fs/promises';
import type { Logger } from '@berth/kit';

export interface DiskHealthOptions {
  /** Which store it is about. */
  readonly file: string;
  readonly log: Logger;
  /** The least of all writes. */
  readonly commitNothing: () => Promise<unknown>;
}

/** What the least of all writes may take: some pages, and some more when they are put in place. */
const leastBytes = 64 * 1024;

/** Whether the disk takes writes. That it does not, and that it does again, is logged once each. */
export class DiskHealth {
  readonly #options: DiskHealthOptions;
  /** Until as much was written as the least that was not: what is smaller may still find room. */
  #failed: { readonly bytes: number; readonly error: unknown } | undefined;

  constructor(options: DiskHealthOptions) {
    this.#options = options;
  }

  /** What became of writing so many bytes. */
  async note<T>(bytes: number, write: Promise<T>): Promise<T> {
    const { file, log } = this.#options;
    try {
      const result = await write;
      if (this.#failed && bytes >= this.#failed.bytes) {
        this.#failed = undefined;
        log.info('the store is written to again', { file });
      }
      return result;
    } catch (error) {
      if (!this.#failed) log.error('the store cannot be written to; what is there is still served', { error });
      this.#failed = { bytes: Math.min(bytes, this.#failed?.bytes ?? bytes), error };
      throw error;
    }
  }

  /** Nobody may write to a server that is not ready: where something failed, as much is tried. @throws what it failed with. */
  async check(): Promise<void> {
    if (!this.#failed) return;
    const { bytes, error } = this.#failed;
    const tried = this.#try(bytes).catch(() => {
      throw error;
    });
    await this.note(bytes, tried);
  }

  async #try(bytes: number): Promise<void> {
    const file = `${this.#options.file}.try`;
    try {
      await writeFile(file, Buffer.alloc(Math.max(bytes, leastBytes)));
    } finally {
      await rm(file, { force: true });
    }
    await this.#options.commitNothing();
  }
}
