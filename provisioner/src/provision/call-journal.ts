import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Logger, syncDirectory, writeFileDurably } from '@berth/kit';
import type { CreatePlan } from './create-plan.ts';

/** A CreateVolume whose end is not yet known to be recorded elsewhere. */
export interface OpenCall {
  readonly plan: CreatePlan;
  /** Set once the driver answered: only deleting is left to do where nobody wants the volume any more. */
  readonly volumeId?: string;
}

interface Line {
  readonly uid: string;
  /** Absent: the call is closed. */
  readonly call?: OpenCall;
}

/**
 * The file has this length from the start: writing over zeros leaves its metadata alone, and so is one write to the
 * disk where an append is two. Beyond half of it the file is emptied as soon as no call is open.
 */
const fileBytes = 256 * 1024;

/**
 * Calls under way, by claim UID. With a directory each is written down before the driver is asked, and closed when
 * the PersistentVolume holds the volume or the driver surely has none: a crash in between, together with the claim's
 * deletion, would otherwise leave a volume nobody knows of. Appends of one moment share one sync. Secrets are never written.
 */
export class CallJournal implements AsyncDisposable {
  readonly #open = new Map<string, OpenCall>();
  readonly #file: FileHandle | undefined;
  #buffer = '';
  #position: number;
  #flushing: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  private constructor(open: ReadonlyMap<string, OpenCall>, file?: FileHandle, position = 0) {
    this.#open = new Map(open);
    this.#file = file;
    this.#position = position;
  }

  /** Reads what an earlier process left open; without a directory the journal lives in memory only. */
  static async load(directory: string | undefined, log: Logger): Promise<CallJournal> {
    if (directory === undefined) return new CallJournal(new Map());
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, 'calls.jsonl');
    const calls = openCalls(await readFile(path, 'utf8').catch(ifAbsent), path, log);
    const kept = Buffer.from([...calls].map(([uid, call]) => encode({ uid, call })).join(''));
    await writeFileDurably(path, Buffer.concat([kept, zeros(fileBytes - kept.length)]));
    const file = await open(path, constants.O_WRONLY | constants.O_DSYNC);
    await syncDirectory(directory);
    return new CallJournal(calls, file, kept.length);
  }

  get(uid: string): OpenCall | undefined {
    return this.#open.get(uid);
  }

  uids(): string[] {
    return [...this.#open.keys()];
  }

  /** Durable when it resolves. The same plan again costs nothing. */
  async record(uid: string, call: OpenCall): Promise<void> {
    const known = this.#open.get(uid);
    if (known?.plan !== call.plan || known.volumeId !== call.volumeId) await this.#append({ uid, call });
    this.#open.set(uid, call);
  }

  /** Closes a call. Not waited for on disk: one that comes back after a crash only repeats idempotent calls. */
  forget(uid: string): void {
    if (this.#open.delete(uid)) void this.#append({ uid }).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#flushing?.catch(() => undefined);
    await this.#file?.close();
  }

  /** Whoever comes before the next sync begins shares it, and its failure; whoever comes later waits for another. */
  #append(line: Line): Promise<void> {
    if (!this.#file) return Promise.resolve();
    this.#buffer += encode(line);
    this.#next ??= (this.#flushing ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#flush();
      });
    this.#flushing = this.#next;
    return this.#next;
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.from(this.#buffer);
    if (!this.#file || bytes.length === 0) return;
    this.#buffer = '';
    if (this.#open.size === 0 && this.#position > fileBytes / 2) {
      await writeAt(this.#file, zeros(fileBytes), 0);
      await this.#file.truncate(fileBytes);
      this.#position = 0;
    }
    // What a failed write left is written over by the next.
    await writeAt(this.#file, bytes, this.#position);
    this.#position += bytes.length;
  }
}

/** Durable when it resolves: the file is open for synchronous writes. */
async function writeAt(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

function zeros(length: number): Buffer {
  return Buffer.alloc(Math.max(length, 0));
}

/** Each line starts with a newline too, so that one torn by a full disk or a crash spoils no other. */
function encode(line: Line): string {
  return `\n${JSON.stringify(line, markIntegers)}\n`;
}

/** What came before any `toJSON`: one of bigint writes plain digits. */
function markIntegers(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  const given = this[key];
  return typeof given === 'bigint' ? `bigint:${given}` : value;
}

function openCalls(text: string, path: string, log: Logger): Map<string, OpenCall> {
  const calls = new Map<string, OpenCall>();
  for (const source of text.replaceAll('\0', '').split('\n')) {
    if (source === '') continue;
    try {
      const { uid, call } = JSON.parse(source, revive) as Line;
      if (call) calls.set(uid, call);
      else calls.delete(uid);
    } catch (error) {
      log.warn('ignored a torn record of a call under way', { path, error });
    }
  }
  return calls;
}

function revive(_key: string, value: unknown): unknown {
  return typeof value === 'string' && /^bigint:\d+$/.test(value) ? BigInt(value.slice('bigint:'.length)) : value;
}

function ifAbsent(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return '';
  throw error;
}
