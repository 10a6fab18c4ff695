import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Logger, messageOf, syncDirectory, writeFileDurably } from '@berth/kit';
import { sourceOf } from './nfs-location.ts';
import { type NfsVolume, nfsVolumeOf } from './nfs-parameters.ts';

export interface StagedVolume {
  readonly id: string;
  readonly context: Readonly<Record<string, string>>;
  readonly volume: NfsVolume;
  /** As the mount table shows it. */
  readonly source: string;
}

/**
 * What this node has staged of servers: written before the mount, forgotten after the unmount. The calls that follow
 * name a volume by its id alone, and another driver may have made it.
 */
export class StagedVolumes {
  readonly #folder: string;
  readonly #byId = new Map<string, StagedVolume>();
  readonly #bySource = new Map<string, StagedVolume>();

  constructor(folder: string, log: Logger) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(folder)) {
      try {
        this.#load(join(folder, name));
      } catch (error) {
        log.warn('what is known of a staged nfs volume cannot be read', { name, reason: messageOf(error) });
      }
    }
  }

  find(id: string): StagedVolume | undefined {
    return this.#byId.get(id);
  }

  /** The volume a path of a server is in; the innermost where one is inside another. */
  showing(shown: string): StagedVolume | undefined {
    for (let path = shown; ; path = path.slice(0, path.lastIndexOf('/'))) {
      const staged = this.#bySource.get(path) ?? this.#bySource.get(`${path}/`);
      if (staged || !path.includes('/')) return staged;
    }
  }

  async remember(id: string, context: Readonly<Record<string, string>>): Promise<StagedVolume> {
    const staged = this.#remember({ id, context });
    await writeFileDurably(this.#pathOf(id), JSON.stringify({ id, context, bootId: bootId() }));
    return staged;
  }

  async forget(id: string): Promise<void> {
    const staged = this.#byId.get(id);
    if (!staged) return;
    await unlink(this.#pathOf(id)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    await syncDirectory(this.#folder);
    this.#byId.delete(id);
    if (this.#bySource.get(staged.source)?.id !== id) return;
    this.#bySource.delete(staged.source);
    // Hand-written volumes may be one directory under several ids.
    const other = [...this.#byId.values()].find(({ source }) => source === staged.source);
    if (other) this.#bySource.set(other.source, other);
  }

  /** Mounts do not outlive their kernel, and what was half-written was not mounted. */
  #load(path: string): void {
    const note = path.endsWith('.json') ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
    if (note?.bootId === bootId()) this.#remember(note);
    else unlinkSync(path);
  }

  #remember({ id, context }: { readonly id: string; readonly context: Readonly<Record<string, string>> }) {
    const volume = nfsVolumeOf(context);
    const staged = { id, context, volume, source: sourceOf(volume) };
    this.#byId.set(id, staged);
    this.#bySource.set(staged.source, staged);
    return staged;
  }

  /** Ids of hand-written volumes are any text. */
  #pathOf(id: string): string {
    return join(this.#folder, `${createHash('sha256').update(id).digest('hex')}.json`);
  }
}

/** Contexts of volumes that were staged, also before this boot; touches nothing, and believes nothing. */
export function stagedContexts(folder: string): Readonly<Record<string, string>>[] {
  if (!existsSync(folder)) return [];
  const notes = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return notes.flatMap((name) => {
    try {
      const { context } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as StagedVolume;
      return Object.values(context).every((value) => typeof value === 'string') ? [context] : [];
    } catch {
      return [];
    }
  });
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
