import { readFile } from 'node:fs/promises';
import type { MountInfo } from './mounter.ts';
import { parseMountLine, unescapeOctal } from './mountinfo.ts';

/** The mount table as the kernel wrote it. A line is read when it is asked for: with hundreds of pods there are thousands. */
export class MountTable {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** As statx(2) tells the mount of a path. */
  byId(id: number): MountInfo | undefined {
    const start = this.#text.startsWith(`${id} `) ? 0 : this.#text.indexOf(`\n${id} `) + 1;
    const line = this.#text.slice(start, this.#text.indexOf('\n', start));
    return line.startsWith(`${id} `) ? parseMountLine(line) : undefined;
  }

  /** The mount that serves `path`, by its name alone. */
  serving(path: string): MountInfo | undefined {
    const text = this.#text;
    let best: { readonly length: number; readonly line: string } | undefined;
    for (let start = 0, end = text.indexOf('\n'); end >= 0; start = end + 1, end = text.indexOf('\n', start)) {
      const mountPoint = mountPointIn(text, start);
      if (!path.startsWith(mountPoint) || mountPoint.length < (best?.length ?? 0)) continue;
      if (mountPoint !== '/' && path.length > mountPoint.length && path[mountPoint.length] !== '/') continue;
      best = { length: mountPoint.length, line: text.slice(start, end) };
    }
    return best && parseMountLine(best.line);
  }
}

/** The mount table, read by a thread of the pool: of a thousand mounts the kernel writes for milliseconds. */
export async function readMounts(): Promise<MountTable> {
  return new MountTable(await readFile('/proc/self/mountinfo', 'utf8'));
}

/** The fifth field of the line that begins there (proc_pid_mountinfo(5)). */
function mountPointIn(text: string, line: number): string {
  let start = line;
  for (let field = 1; field < 5; field++) start = text.indexOf(' ', start) + 1;
  return unescapeOctal(text.slice(start, text.indexOf(' ', start)));
}
