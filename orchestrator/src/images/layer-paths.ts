import { readdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { type Fd, inspect, isErrno, openSegment, removeTree } from '@berth/linux';

/**
 * What one layer itself brought. Its whiteouts hide what lower layers have, never its own entries, in whatever order
 * the archive has them (OCI image spec, layer.md "Whiteouts").
 */
export class LayerPaths {
  readonly #own = new Set<string>();

  add(path: string): void {
    // Also the directories on the way, which must not vanish with what is in them.
    for (let at = path; at !== '.' && !this.#own.has(at); at = dirname(at)) this.#own.add(at);
  }

  /** Takes away what lower layers have at `path`, whose parent is open. */
  async remove(parent: Fd, path: string): Promise<void> {
    const name = basename(path);
    if (!this.#own.has(path)) return removeTree(parent, name);
    using directory = openDirectory(parent, name);
    if (directory) await this.emptyBelow(directory, path);
  }

  /** Takes away all that lower layers have in a directory. */
  async emptyBelow(directory: Fd, path: string): Promise<void> {
    const below = path === '.' ? '' : `${path}/`;
    for (const name of await readdir(directory.path)) await this.remove(directory, `${below}${name}`);
  }
}

function openDirectory(parent: Fd, name: string): Fd | undefined {
  try {
    if ((inspect(`${parent.path}/${name}`).mode & 0o170000) !== 0o040000) return undefined;
    return openSegment(parent, name);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}
