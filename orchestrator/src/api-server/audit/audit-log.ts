import {
  closeSync,
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
import type { Clock } from '@berth/kit';
import type { AuditSink } from './auditor.ts';

export interface AuditLogOptions {
  /** `-`: standard output. */
  readonly path: string;
  /** Bytes a file may have before the next one is begun; 0: as many as come. */
  readonly maxBytes: number;
  /** Older files are removed; 0: never. */
  readonly maxAgeDays: number;
  /** More old files are not kept; 0: all are. */
  readonly maxBackups: number;
  readonly clock: Clock;
  readonly stdout?: (text: string) => void;
}

const dayMs = 86_400_000;

/**
 * `--audit-log-path`: one line an event, written before the request is answered, so that nothing happens that is not
 * written down. Old files are named and removed as upstream's do (lumberjack): `audit-2006-01-02T15-04-05.000.log`.
 * @throws Error – the file cannot be opened.
 */
export function openAuditLog(options: AuditLogOptions): AuditSink {
  if (options.path === '-') {
    const write = options.stdout ?? ((text: string) => void process.stdout.write(text));
    return { name: 'log', write, [Symbol.asyncDispose]: async () => undefined };
  }
  return new AuditFile(options);
}

class AuditFile implements AuditSink {
  readonly name = 'log';
  readonly #o: AuditLogOptions;
  #fd: number;
  #bytes: number;

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
    this.#removeOld();
  }

  #removeOld(): void {
    const { path, clock, maxAgeDays, maxBackups } = this.#o;
    const [folder, stem, ending] = partsOf(path);
    const old = readdirSync(folder)
      .filter((name) => name.startsWith(`${stem}-`) && name.endsWith(ending))
      .map((name) => ({ name, at: timeOf(name.slice(stem.length + 1, name.length - ending.length)) }))
      .filter(({ at }) => !Number.isNaN(at))
      .toSorted((a, b) => b.at - a.at);
    const oldest = maxAgeDays > 0 ? clock.now() - maxAgeDays * dayMs : Number.NEGATIVE_INFINITY;
    for (const [i, { name, at }] of old.entries())
      if ((maxBackups > 0 && i >= maxBackups) || at < oldest) rmSync(join(folder, name), { force: true });
  }
}

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
