import { type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '@berth/kit';
import type { LogOptions } from '../../node-api.ts';
import { LogFormatter } from './log-formatter.ts';
import { tailOffset } from './tail-offset.ts';

export interface ReadLogInput {
  /** The container's current log file; rotation renames it and makes a new one. */
  readonly path: string;
  readonly options: LogOptions;
  readonly clock: Clock;
  /** False once the container has ended: what is written then is all there will be. */
  readonly isRunning: (signal: AbortSignal) => Promise<boolean>;
  /** Calls back when a container of this node may have ended. */
  readonly onRuntimeChange: (wake: () => void) => Disposable;
}

const chunkBytes = 64 * 1024;
/** How often to look where the kernel gives no notice of changes (inotify's limit is reached). */
const lookMs = 1000;

/** The log of one container; with `follow`, as it grows, across rotations, until the container ends. No polling. */
export async function* readLog(input: ReadLogInput, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { path, options, clock } = input;
  using changes = new Changes(input);
  const formatter = new LogFormatter(options, clock.now());
  let file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    let reader = new LineReader(
      file,
      options.tailLines === undefined ? 0 : await tailOffset(file, size, options.tailLines),
    );
    while (!formatter.exhausted) {
      changes.mark();
      const running = options.follow ? await input.isRunning(signal) : false;
      yield* shown(reader, formatter);
      if (formatter.exhausted || signal.aborted) return;
      const next = options.follow ? await rotated(path, file) : undefined;
      if (next) {
        yield* shown(reader, formatter);
        await file.close();
        file = next;
        reader = new LineReader(next, 0);
      } else if (!running) return;
      else await changes.next(signal);
    }
  } finally {
    await file.close();
  }
}

/** All complete lines there are now, gathered into blocks. */
async function* shown(reader: LineReader, formatter: LogFormatter): AsyncGenerator<Uint8Array> {
  for await (const lines of reader.lines()) {
    const parts = lines.map((line) => formatter.format(line)).filter((part) => part !== undefined);
    if (parts.length > 0) yield Buffer.concat(parts);
    if (formatter.exhausted) return;
  }
}

/** The file that now has the path, where it is another one. */
async function rotated(path: string, file: FileHandle): Promise<FileHandle | undefined> {
  const [now, held] = await Promise.all([stat(path).catch(() => undefined), file.stat()]);
  if (!now || (now.ino === held.ino && now.dev === held.dev)) return undefined;
  return open(path, 'r').catch(() => undefined);
}

/** Reads a file line by line from an offset, as far as it goes; keeps an unfinished line for later. */
class LineReader {
  readonly #file: FileHandle;
  #offset: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(file: FileHandle, offset: number) {
    this.#file = file;
    this.#offset = offset;
  }

  async *lines(): AsyncGenerator<Buffer[]> {
    while (true) {
      const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(chunkBytes), 0, chunkBytes, this.#offset);
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      const data = Buffer.concat([this.#rest, buffer.subarray(0, bytesRead)]);
      const lines: Buffer[] = [];
      let begin = 0;
      for (let end = data.indexOf(0x0a); end >= 0; end = data.indexOf(0x0a, begin)) {
        lines.push(data.subarray(begin, end));
        begin = end + 1;
      }
      this.#rest = data.subarray(begin);
      if (lines.length > 0) yield lines;
    }
  }
}

/** Wakes a follower when the log's directory or the runtime changes. */
class Changes implements Disposable {
  readonly #clock: Clock;
  readonly #subscription: Disposable;
  #watcher: FSWatcher | undefined;
  #changed = false;
  #wake: (() => void) | undefined;

  constructor({ path, options, clock, onRuntimeChange }: ReadLogInput) {
    this.#clock = clock;
    this.#subscription = onRuntimeChange(() => this.#notify());
    if (!options.follow) return;
    try {
      this.#watcher = watch(dirname(path), { persistent: false }, () => this.#notify());
      this.#watcher.on('error', () => this.#unwatch());
    } catch {
      this.#unwatch();
    }
  }

  /** What happens from here on is news. */
  mark(): void {
    this.#changed = false;
  }

  async next(signal: AbortSignal): Promise<void> {
    if (this.#changed || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const wake = () => resolve();
    signal.addEventListener('abort', wake, { once: true });
    const timer = this.#watcher ? undefined : this.#clock.schedule(lookMs, wake);
    await promise;
    timer?.[Symbol.dispose]();
    signal.removeEventListener('abort', wake);
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    this.#unwatch();
  }

  #notify(): void {
    this.#changed = true;
    this.#wake?.();
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}
