import { type Clock, type Rng, seededRng } from '@berth/kit';
import type { HistoryClient } from './history-client.ts';
import { pick } from './history-client.ts';
import { HistoryRecorder } from './history-recorder.ts';
import { RandomReader } from './random-reader.ts';
import { RandomWriter } from './random-writer.ts';
import { type Beginning, RecordingWatcher, type WatcherOptions } from './recording-watcher.ts';
import { watchForms } from './seen-of.ts';
import type { TrueHistory } from './true-history.ts';
import { type AskedView, askedViews } from './watched-kinds.ts';
import type { Wire } from './wire.ts';

export interface HistoryRunOptions {
  readonly seed: number;
  readonly clock: Clock;
  /** The servers that run at the moment. */
  readonly wires: () => readonly Wire[];
  readonly writers: number;
  readonly readers: number;
  readonly watchers: number;
  /** About how long writers and readers rest between two requests. */
  readonly pauseMs?: number;
  /** Servers are in this process, where answers have one form. */
  readonly isInProcess?: boolean;
}

const beginnings: readonly Beginning[] = ['list', 'stream', 'any', 'newest', 'bare'];

/** Writers, readers and watchers at once, all of one seed. */
export class HistoryRun {
  readonly recorder = new HistoryRecorder();
  readonly watchers: readonly RecordingWatcher[];
  readonly #o: HistoryRunOptions;
  readonly #rng: Rng;
  readonly #writers: readonly RandomWriter[];
  readonly #readers: readonly RandomReader[];
  readonly #working = new AbortController();
  readonly #watching = new AbortController();
  #works: Promise<unknown> = Promise.resolve();
  #watches: Promise<unknown> = Promise.resolve();

  constructor(options: HistoryRunOptions) {
    this.#o = options;
    this.#rng = seededRng(options.seed);
    const many = <T>(count: number, make: (index: number) => T) => Array.from({ length: count }, (_, i) => make(i));
    this.#writers = many(options.writers, (i) => new RandomWriter(this.#client(`w${i}`), options.pauseMs));
    this.#readers = many(options.readers, (i) => new RandomReader(this.#client(`r${i}`), options.pauseMs));
    this.watchers = many(options.watchers, (i) => new RecordingWatcher(this.#client(`v${i}`), this.#watcher(i)));
  }

  start(): void {
    const works = [...this.#writers, ...this.#readers].map((each) => each.run(this.#working.signal));
    this.#works = Promise.all(works);
    this.#watches = Promise.all(this.watchers.map((each) => each.run(this.#watching.signal)));
    // Told of by stopWorking and finish.
    this.#works.catch(() => undefined);
    this.#watches.catch(() => undefined);
  }

  /** Until so many more writes were answered, or `mostMs` passed. */
  async progress(writes: number, mostMs: number): Promise<void> {
    const { clock } = this.#o;
    const enough = this.recorder.writes.length + writes;
    for (let waited = 0; this.recorder.writes.length < enough && waited < mostMs; waited += 20) await clock.sleep(20);
  }

  /** From then on nothing is written. */
  async stopWorking(): Promise<void> {
    this.#working.abort();
    await this.#works;
  }

  /** Waits until every watcher has seen all, for `patienceMs` at most. @returns what is wrong. */
  async finish(history: TrueHistory, patienceMs: number): Promise<string[]> {
    const { clock } = this.#o;
    const waiting = new Set(this.watchers);
    for (let waited = 0; waiting.size > 0 && waited < patienceMs; waited += 100) {
      for (const watcher of waiting) {
        const session = watcher.current;
        if (session && this.recorder.isWhole(history, session, history.newest)) waiting.delete(watcher);
      }
      if (waiting.size > 0) await clock.sleep(100);
    }
    // What is missing is told by the check.
    for (const { current } of waiting) if (current) current.until = history.newest;
    const late = [...waiting].map(({ title }) => `${title} did not come to ${history.newest}`);
    this.#watching.abort();
    await this.#watches;
    return [...this.recorder.problems(history), ...late];
  }

  #client(who: string): HistoryClient {
    const rng = seededRng(Math.floor(this.#rng.next() * 2 ** 32));
    const { recorder } = this;
    const { clock, wires } = this.#o;
    return { who, recorder, rng, clock, wire: () => pick(rng, wires()) };
  }

  /** Each way to watch is had by some; the rest is chance. */
  #watcher(index: number): WatcherOptions {
    const rng = this.#rng;
    const { isInProcess } = this.#o;
    const forms = Object.values(watchForms);
    const chosen = forms[index % forms.length] as WatcherOptions['form'];
    const form = isInProcess ? { form: 'plain' as const, accept: '' } : chosen;
    const asked = index < 4 ? (askedViews[index * 5] as AskedView) : pick(rng, askedViews);
    const isShort = rng.next() < 0.3;
    return {
      asked,
      form,
      beginning: beginnings[(index + Math.floor(index / 4)) % beginnings.length] as Beginning,
      resumes: rng.next() < 0.75,
      isNew: index % 2 === 1,
      bookmarks: isShort || rng.next() < 0.5,
      slowMs: rng.next() < 0.25 ? 1 + Math.floor(rng.next() * 20) : 0,
      ...(rng.next() < 0.5 ? { stayMs: 300 + rng.next() * 3000 } : {}),
      // The last bookmark comes two seconds before the end.
      ...(isShort ? { timeoutSeconds: 3 } : {}),
    };
  }
}
