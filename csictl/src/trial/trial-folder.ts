import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linuxMounter, openRoot, removeTree } from '@berth/linux';

/** A folder for staging and target paths. Disposing removes it, but never anything that is still mounted in it. */
export class TrialFolder implements AsyncDisposable {
  readonly path: string;
  #next = 0;

  constructor(parent: string | undefined) {
    if (parent !== undefined) mkdirSync(parent, { recursive: true });
    this.path = realpathSync(mkdtempSync(join(parent ?? tmpdir(), 'csictl-')));
  }

  /** A path that nothing has yet. */
  free(kind: string): string {
    return join(this.path, `${kind}-${++this.#next}`);
  }

  /** A new directory, as a CO makes it for staging. */
  directory(kind: string): string {
    const path = this.free(kind);
    mkdirSync(path, { mode: 0o750 });
    return path;
  }

  /** Mount points below. */
  mounts(): string[] {
    return linuxMounter
      .mounts()
      .map(({ mountPoint }) => mountPoint)
      .filter((path) => path.startsWith(`${this.path}/`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.mounts().length > 0) return;
    using root = openRoot(this.path);
    for (const name of readdirSync(this.path)) await removeTree(root, name);
    rmdirSync(this.path);
  }
}
