import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, writeFileDurably } from '@berth/kit';
import { isErrno, lockFile } from '@berth/linux';
import { parseJson } from './content-store.ts';
import { ImageError } from './image-error.ts';

/** Full image name → digest of its manifest. */
export type References = Readonly<Record<string, string>>;

/** How long another process may hold the table, e.g. an `image load` beside a running server. */
const lockWaitMs = 10_000;

/** The names of images, in one file that several processes read and change. */
export class ReferenceTable {
  readonly #file: string;
  readonly #lock: string;
  readonly #clock: Clock;
  #cached: { readonly stamp: string; readonly references: References } | undefined;

  constructor(folder: string, clock: Clock) {
    this.#file = join(folder, 'references.json');
    this.#lock = join(folder, 'lock');
    this.#clock = clock;
  }

  /** As of now, also where another process wrote it. */
  async read(): Promise<References> {
    const facts = await stat(this.#file, { bigint: true }).catch(() => undefined);
    if (!facts) return {};
    // The size too: an inode may be used again within a tick of the file system's clock.
    const stamp = `${facts.ino}-${facts.mtimeNs}-${facts.size}`;
    if (this.#cached?.stamp !== stamp) this.#cached = { stamp, references: await this.#readFile() };
    return this.#cached.references;
  }

  /** Changes the table under the lock; returning undefined leaves it. */
  async change(
    edit: (references: References) => Promise<References | undefined> | References | undefined,
  ): Promise<void> {
    using _ = await this.#acquire();
    // Not what is remembered: a change made on an older table would take the newer one back.
    const next = await edit(await this.#readFile());
    if (next) await writeFileDurably(this.#file, `${JSON.stringify(next, undefined, 2)}\n`, 0o644);
  }

  async #readFile(): Promise<References> {
    const text = await readFile(this.#file, 'utf8').catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return '{}';
      throw error;
    });
    return parseJson<References>(text, this.#file);
  }

  async #acquire(): Promise<Disposable> {
    const until = this.#clock.monotonicMs() + lockWaitMs;
    for (let lock = lockFile(this.#lock); ; lock = lockFile(this.#lock)) {
      if (lock) return lock;
      if (this.#clock.monotonicMs() > until)
        throw new ImageError(
          'Unavailable',
          `another process is changing images (${this.#lock}); try again when it has ended`,
        );
      await this.#clock.sleep(20);
    }
  }
}
