import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf, syncDirectory } from '@berth/kit';
import { CsictlError } from '../csictl-error.ts';

export interface RecordFileOptions {
  readonly path: string;
  /** The file never grows past this. */
  readonly maxBytes: number;
  /** Told once why lines are missing. */
  readonly warn: (line: string) => void;
}

/**
 * A file of lines that are on disk when {@link append} resolves; lines of one moment share a sync.
 * What does not fit, or cannot be written, is counted and left out: calls go on without it.
 */
export class RecordFile implements AsyncDisposable {
  readonly #options: RecordFileOptions;
  readonly #file: FileHandle;
  #bytes = 0;
  #lines = 0;
  #lost = 0;
  #batch: string[] = [];
  #flushing: Promise<void> | undefined;

  private constructor(options: RecordFileOptions, file: FileHandle) {
    this.#options = options;
    this.#file = file;
  }

  /** @throws CsictlError FAILED – the file is there already, or cannot be made. */
  static async create(options: RecordFileOptions): Promise<RecordFile> {
    const { path } = options;
    try {
      const file = await open(path, 'wx', 0o600);
      await syncDirectory(dirname(path));
      return new RecordFile(options, file);
    } catch (error) {
      const exists = (error as { code?: string }).code === 'EEXIST';
      throw new CsictlError('FAILED', `${path}: ${exists ? 'is there already' : messageOf(error)}`, {
        ...(exists ? { hint: 'name another file, or move this one away' } : {}),
      });
    }
  }

  get lines(): number {
    return this.#lines;
  }

  /** Lines that are not in the file. */
  get lost(): number {
    return this.#lost;
  }

  async append(line: object): Promise<void> {
    const text = `${JSON.stringify(line)}\n`;
    const bytes = Buffer.byteLength(text);
    if (this.#lost > 0 || this.#bytes + bytes > this.#options.maxBytes) {
      this.#lose(`the recording is full at ${this.#options.maxBytes} bytes`);
      return;
    }
    this.#bytes += bytes;
    this.#batch.push(text);
    this.#flushing ??= this.#flush();
    await this.#flushing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#flushing;
    await this.#file.close();
  }

  async #flush(): Promise<void> {
    // Those that come in the same turn go with it.
    await Promise.resolve();
    while (this.#batch.length > 0) {
      const batch = this.#batch;
      this.#batch = [];
      try {
        await this.#file.writeFile(batch.join(''));
        await this.#file.datasync();
        this.#lines += batch.length;
      } catch (error) {
        this.#lost += batch.length - 1;
        this.#lose(`the recording ends here: ${messageOf(error)}`);
      }
    }
    this.#flushing = undefined;
  }

  #lose(why: string): void {
    if (this.#lost++ === 0) this.#options.warn(`${why}; calls go on, unrecorded`);
  }
}
