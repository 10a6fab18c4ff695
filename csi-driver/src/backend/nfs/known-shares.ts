import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileDurably } from '@berth/kit';
import { type NfsAccess, nfsAccessOf, nfsClassOf, parametersOf } from './nfs-parameters.ts';

const fileName = /^[0-9a-f]{32}\.json$/;

/** Which shares this driver has ever put something on: where to look on the day its catalog is lost. */
export class KnownShares {
  readonly #folder: string;
  readonly #known: Set<string>;
  #all: readonly NfsAccess[] | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const names = readdirSync(folder);
    // Half-written: nothing was put on that share yet.
    for (const name of names.filter((one) => one.endsWith('.tmp'))) unlinkSync(join(folder, name));
    this.#known = new Set(names.filter((name) => fileName.test(name)));
  }

  /** Durable when it resolves, and so before anything is on the share. */
  async remember({ server, share, version, port }: NfsAccess): Promise<void> {
    const text = JSON.stringify({ server, share, version, port });
    const name = `${createHash('sha256').update(text).digest('hex').slice(0, 32)}.json`;
    if (this.#known.has(name)) return;
    await writeFileDurably(join(this.#folder, name), text);
    this.#known.add(name);
    this.#all = undefined;
  }

  /** All of them; what of the list cannot be read is left out. */
  all(): readonly NfsAccess[] {
    this.#all ??= sharesIn(this.#folder);
    return this.#all;
  }
}

/** Reads such a list, and touches nothing. What is none of it is left out. */
export function sharesIn(folder: string): NfsAccess[] {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => fileName.test(name)) : [];
  return names.flatMap((name) => {
    try {
      const access = JSON.parse(readFileSync(join(folder, name), 'utf8')) as NfsAccess;
      return [nfsAccessOf(nfsClassOf(parametersOf(access)))];
    } catch {
      return [];
    }
  });
}
