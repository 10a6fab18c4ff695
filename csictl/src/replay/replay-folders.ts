import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { dirname } from 'node:path';

/** Directories that a CO makes before it calls a node: made for a replay, and taken away after it where they are empty. */
export class ReplayFolders implements Disposable {
  readonly #made: string[] = [];

  /** Makes a directory with its parents. */
  make(path: string): void {
    const missing: string[] = [];
    for (let folder = path; !existsSync(folder); folder = dirname(folder)) missing.push(folder);
    for (const folder of missing.reverse()) {
      mkdirSync(folder, { mode: 0o750 });
      this.#made.push(folder);
    }
  }

  [Symbol.dispose](): void {
    for (const folder of this.#made.reverse()) {
      try {
        rmdirSync(folder);
      } catch {
        // Something is in it: not ours to remove.
      }
    }
  }
}
