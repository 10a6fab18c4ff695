import {
  closeSync,
  createReadStream,
  createWriteStream,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Clock } from '@berth/kit';
import type { AuditBackend } from './audit-sink.ts';
import { legacyLine } from './legacy-line.ts';

export interface AuditLogOptions {
  /** `-`: standard output. */
  readonly path: string;
  /** Bytes a file may have before the next one is begun; 0: as many as come. */
  readonly maxBytes: number;
  /** Older files are removed; 0: never. */
  readonly maxAgeDays: number;
  /** More old files are not kept; 0: all are. */
  readonly maxBackups: number;
  /** Old files become smaller. */
  readonly compress?: boolean;
  /** Absent: an event is a line of JSON. */
  readonly format?: 'json' | 'legacy';
  readonly clock: Clock;
  readonly stdout?: (text: string) => void;
}

const dayMs = 86_400_000;

/**
 * `--audit-log-path`: one line an event, written before the request is answered, so that nothing happens that is not
 * written down. Old files are named and removed as upstream's do (lumberjack): `audit-2006-01-02T15-04-05.000.log`.
 * @throws Error – the file cannot be opened.
 */
export function openAuditLog(options: AuditLogOptions): AuditBackend {
  const file = options.path === '-' ? undefined : new AuditFile(options);
  const stdout = options.stdout ?? ((text: string) => void process.stdout.write(text));
  const shown = options.format === 'legacy' ? legacyLine : (line: string) => line;
  return {
    name: 'log',
    isRemote: false,
    deliver: (lines) => {
      for (const line of lines) file ? file.write(shown(line)) : stdout(shown(line));
    },
    hurry: () => undefined,
    [Symbol.asyncDispose]: async () => file?.[Symbol.asyncDispose](),
  };
}

class AuditFile implements AsyncDisposable {
  readonly #o: AuditLogOptions;
  #fd: number;
  #bytes: number;
  #tidying = Promise.resolve();

  constructor(options: AuditLogOptions) {
    this.#o = options;
    mkdirSync(dirname(options.path), { recursive: true, mode: 0o755 });
    this.#fd = openSync(options.path, 'a', 0o600);
    this.#bytes = fstatSync(this.#fd).size;
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    const { maxBytes } = this.#o;
    if (maxBytes > 0 && this.#bytes > 0 && this.#bytes + bytes.byteLength > maxBytes) this.#rotate();
    for (let at = 0; at < bytes.byteLength; ) at += writeSync(this.#fd, bytes, at);
    this.#bytes += bytes.byteLength;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    closeSync(this.#fd);
    await this.#tidying;
  }

  #rotate(): void {
    const { path, clock } = this.#o;
    const [folder, stem, ending] = partsOf(path);
    let at = clock.now();
    const nameAt = () => join(folder, `${stem}-${stamp(at)}${ending}`);
    while (existsSync(nameAt())) at++;
    renameSync(path, nameAt());
    closeSync(this.#fd);
    this.#fd = openSync(path, 'a', 0o600);
    this.#bytes = 0;
    if (!this.#o.compress) return this.#removeOld();
    // One after another: what is being compressed is no file too many, nor is it removed under way.
    this.#tidying = this.#tidying.then(() => this.#tidy());
  }

  /** What cannot be now is tried again with the next file. */
  async #tidy(): Promise<void> {
    try {
      this.#removeOld();
      await this.#compressOld();
    } catch {
      // The folder cannot be read, or a file not removed: events are written on.
    }
  }

  #removeOld(): void {
    const { clock, maxAgeDays, maxBackups } = this.#o;
    const oldest = maxAgeDays > 0 ? clock.now() - maxAgeDays * dayMs : Number.NEGATIVE_INFINITY;
    const old = this.#old();
    // One that a crash left half compressed is there twice, and counts once, as upstream.
    const times = [...new Set(old.map(({ at }) => at))];
    for (const { file, at } of old)
      if ((maxBackups > 0 && times.indexOf(at) >= maxBackups) || at < oldest) rmSync(file, { force: true });
  }

  /** Newest first. */
  #old(): { readonly file: string; readonly at: number }[] {
    const [folder, stem, ending] = partsOf(this.#o.path);
    const stampOf = (name: string) => name.slice(stem.length + 1).replace(new RegExp(`${compressed}$`), '');
    return readdirSync(folder)
      .filter((name) => name.startsWith(`${stem}-`) && (name.endsWith(ending) || name.endsWith(ending + compressed)))
      .map((name) => ({ file: join(folder, name), at: timeOf(stampOf(name).slice(0, -ending.length || undefined)) }))
      .filter(({ at }) => !Number.isNaN(at))
      .toSorted((a, b) => b.at - a.at);
  }

  /** Behind all else, those that were left by an earlier run, too; one that cannot be stays as it is. */
  async #compressOld(): Promise<void> {
    for (const { file } of this.#old()) {
      if (file.endsWith(compressed)) continue;
      const made = createWriteStream(file + compressed, { mode: 0o600 });
      await pipeline(createReadStream(file), createGzip(), made).then(
        () => rmSync(file, { force: true }),
        () => rmSync(file + compressed, { force: true }),
      );
    }
  }
}

const compressed = '.gz';

function partsOf(path: string): [folder: string, stem: string, ending: string] {
  const ending = extname(path);
  return [dirname(path), basename(path, ending), ending];
}

function stamp(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, -1).replaceAll(':', '-');
}

function timeOf(text: string): number {
  const [, day, hour, minute, second] = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3})$/.exec(text) ?? [];
  return Date.parse(`${day}T${hour}:${minute}:${second}Z`);
}
