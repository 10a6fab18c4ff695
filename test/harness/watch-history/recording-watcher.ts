import type { KubeObject, Status } from '@berth/kube';
import { type HistoryClient, rest } from './history-client.ts';
import type { Asked, OpenSession } from './history-recorder.ts';
import { RandomReader } from './random-reader.ts';
import type { Form } from './same-object.ts';
import { seenOf } from './seen-of.ts';
import type { AskedView } from './watched-kinds.ts';
import { LostConnection, type Wire } from './wire.ts';

/** How a watcher begins where it has no revision to go on from. */
export type Beginning =
  /** As reflectors do: a list of what any server has, and a watch from its revision. */
  | 'list'
  /** `resourceVersion` left out: the newest state as events. */
  | 'newest'
  /** `resourceVersion=0`: any state as events. */
  | 'any'
  /** `sendInitialEvents`, whose end is told. */
  | 'stream'
  /** `sendInitialEvents=false`: only what comes. */
  | 'bare';

export interface WatcherOptions {
  readonly asked: AskedView;
  readonly form: { readonly form: Form; readonly accept: string };
  readonly beginning: Beginning;
  /** False: it begins anew each time instead of going on from what it saw last. */
  readonly resumes: boolean;
  /** By HTTP/2. */
  readonly isNew: boolean;
  readonly bookmarks: boolean;
  /** Milliseconds it takes over each frame. */
  readonly slowMs: number;
  /** About how long it stays at one server; for ever where absent. */
  readonly stayMs?: number;
  readonly timeoutSeconds?: number;
}

interface Place {
  readonly start: OpenSession['start'];
  readonly query: Readonly<Record<string, string>>;
}

const passing: ReadonlySet<number> = new Set([429, 503, 504]);

/** Watches one view over as many connections as it takes, and writes down what each was told. */
export class RecordingWatcher {
  readonly #c: HistoryClient;
  readonly #o: WatcherOptions;
  readonly #lists: RandomReader;
  #last: number | undefined;
  #current: OpenSession | undefined;
  sessions = 0;
  expired = 0;

  constructor(client: HistoryClient, options: WatcherOptions) {
    this.#c = client;
    this.#o = options;
    this.#lists = new RandomReader(client);
  }

  get title(): string {
    return `${this.#c.who} of ${this.#o.asked.title}`;
  }

  get asked(): AskedView {
    return this.#o.asked;
  }

  /** The connection it has now. */
  get current(): OpenSession | undefined {
    return this.#current;
  }

  async run(signal: AbortSignal): Promise<void> {
    for (; !signal.aborted; await rest(this.#c, 5, 50, signal)) {
      const wire = this.#c.wire();
      if (!wire) continue;
      try {
        const place = await this.#place(wire);
        if (place) await this.#watch(wire, place, signal);
      } catch (error) {
        if (!(error instanceof LostConnection)) throw error;
      }
    }
  }

  async #place(wire: Wire): Promise<Place | undefined> {
    const { beginning, resumes } = this.#o;
    if (resumes && this.#last !== undefined) return fromRevision(this.#last);
    if (beginning === 'list') {
      const asked: Asked = this.#c.rng.next() < 0.5 ? { anyOf: wire.life } : { newest: true };
      const revision = await this.#lists.list(wire, this.#o.asked, asked);
      return revision === undefined ? undefined : fromRevision(revision);
    }
    if (beginning === 'any')
      return { start: { asked: { anyOf: wire.life }, isMarked: false }, query: { resourceVersion: '0' } };
    if (beginning === 'newest') return { start: { asked: { newest: true }, isMarked: false }, query: {} };
    if (beginning === 'bare')
      return {
        start: { asked: { newest: true }, isMarked: false, isBare: true },
        query: { sendInitialEvents: 'false', resourceVersionMatch: 'NotOlderThan' },
      };
    const isAny = this.#c.rng.next() < 0.5;
    return {
      start: { asked: isAny ? { anyOf: wire.life } : { newest: true }, isMarked: true },
      query: {
        sendInitialEvents: 'true',
        resourceVersionMatch: 'NotOlderThan',
        allowWatchBookmarks: 'true',
        ...(isAny ? { resourceVersion: '0' } : {}),
      },
    };
  }

  async #watch(wire: Wire, { start, query }: Place, signal: AbortSignal): Promise<void> {
    const { recorder, who, rng, clock } = this.#c;
    const { asked, form, isNew, bookmarks, timeoutSeconds, stayMs } = this.#o;
    const parameters = new URLSearchParams({
      watch: 'true',
      ...asked.query,
      ...query,
      ...(bookmarks ? { allowWatchBookmarks: 'true' } : {}),
      ...(timeoutSeconds === undefined ? {} : { timeoutSeconds: String(timeoutSeconds) }),
    });
    const leave = new AbortController();
    const stop = () => leave.abort();
    signal.addEventListener('abort', stop, { once: true });
    using _stay = stayMs === undefined ? undefined : clock.schedule(stayMs * (0.5 + rng.next()), stop);
    const session: OpenSession = {
      who: `${who} (${asked.title}, at ${wire.life})`,
      startedAt: recorder.moment(),
      view: asked.view,
      form: form.form,
      start,
      frames: [],
    };
    try {
      const path = `${asked.path}?${parameters}`;
      const { status, frames } = await wire.watch({ method: 'GET', path, accept: form.accept, isNew }, leave.signal);
      recorder.sessions.push(session);
      this.sessions++;
      this.#current = session;
      await this.#take(session, status, frames, leave.signal);
    } catch (error) {
      if (!leave.signal.aborted) throw error;
    } finally {
      this.#current = undefined;
      signal.removeEventListener('abort', stop);
      leave.abort();
    }
  }

  async #take(
    session: OpenSession,
    status: number,
    frames: AsyncIterable<{ readonly type: string; readonly object: KubeObject }>,
    signal: AbortSignal,
  ): Promise<void> {
    const { recorder, clock } = this.#c;
    for await (const frame of frames) {
      if (signal.aborted) return;
      if (frame.type === 'ERROR') return this.#refused(status, frame.object as unknown as Status);
      const seen = seenOf(this.#o.asked.kind.plural, frame);
      if (!seen) throw new Error(`${session.who}: a frame of type ${frame.type}`);
      session.frames.push({ frame: seen, at: recorder.moment() });
      // The state has revisions of its own in any order; where it is a state of, only a mark or what follows tells.
      if ('after' in session.start || session.start.isBare || (session.start.isMarked && this.#isPast(session)))
        this.#last = seen.revision;
      else if (seen.type === 'BOOKMARK' || seen.type !== 'ADDED') this.#last = seen.revision;
      if (this.#o.slowMs > 0) await clock.sleep(this.#o.slowMs, signal).catch(() => undefined);
    }
  }

  #isPast({ frames }: OpenSession): boolean {
    return frames.some(({ frame }) => frame.type === 'BOOKMARK');
  }

  #refused(status: number, { code = 0, message = '' }: Status): void {
    if (code === 410) {
      this.expired++;
      this.#last = undefined;
      return;
    }
    if (!passing.has(code)) this.#c.recorder.surprises.push(`${this.title}: ${status}, ${code} ${message}`);
  }
}

function fromRevision(revision: number): Place {
  return { start: { after: revision }, query: { resourceVersion: String(revision) } };
}
