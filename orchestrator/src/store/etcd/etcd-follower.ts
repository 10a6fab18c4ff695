import { type Clock, isAbort, type Logger } from '@berth/kit';
import type { DuplexCall, etcd, Init } from '@berth/protos';
import type { Change } from '../key-space.ts';
import { StoreError } from '../store-error.ts';
import type { EtcdClient, EtcdMember } from './etcd-client.ts';
import { storeErrorOf } from './etcd-error.ts';
import type { EtcdKeys } from './etcd-keys.ts';
import type { EtcdValues } from './etcd-values.ts';
import { answersProgress } from './server-version.ts';

export interface FollowerOptions {
  readonly client: EtcdClient;
  readonly keys: EtcdKeys;
  readonly values: EtcdValues;
  readonly clock: Clock;
  readonly log: Logger;
  /** The revision up to which everything was told already. */
  readonly revision: () => number;
  /** Whole revisions, in order. */
  readonly onChanges: (changes: readonly Change[]) => void;
  /** Nothing up to this revision is still to come. */
  readonly onProgress: (revision: number) => void;
  /** What comes next is compacted, or etcd's history is another one by now: the state has to be read anew. */
  readonly onLost: () => Promise<void>;
}

type Stream = DuplexCall<etcd.WatchRequest, etcd.WatchResponse>;

const firstPauseMs = 20;
const longestPauseMs = 1_000;
const connectMs = 2_000;
const askMs = 5_000;

/** Follows everything below the prefix by one watch, which goes on at another member where one fails. */
export class EtcdFollower {
  readonly #o: FollowerOptions;
  #stream: Stream | undefined;
  #member: EtcdMember | undefined;
  /** The newest change that etcd told. */
  #last: etcd.KeyValue | undefined;
  #canAsk = false;
  #pauseMs = firstPauseMs;

  constructor(options: FollowerOptions) {
    this.#o = options;
  }

  /** Whether this member tells on demand how far it is. */
  get canAsk(): boolean {
    return this.#canAsk && this.#stream !== undefined;
  }

  /** Asks for {@link FollowerOptions.onProgress}; a member that still has to send something does not answer. */
  askProgress(): void {
    if (this.canAsk) this.#stream?.write({ progressRequest: {} });
  }

  /** Whether calls go to another member by now: this one failed them. */
  get isElsewhere(): boolean {
    return this.#member !== undefined && this.#member !== this.#o.client.member;
  }

  /** Gives the stream up: it said nothing for too long. */
  restart(): void {
    this.#stream?.[Symbol.dispose]();
  }

  /** Ends when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { client, clock, log } = this.#o;
    while (!signal.aborted) {
      const { member } = client;
      try {
        await this.#follow(member, signal);
      } catch (error) {
        if (signal.aborted || isAbort(error)) return;
        if (!(await this.#recovered(error))) {
          log.debug('the watch of etcd ended, will go on elsewhere', { endpoint: member.url, error });
          client.leave(member);
        }
      }
      await clock.sleep(this.#pauseMs, signal).catch(() => undefined);
      this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
    }
  }

  async #recovered(error: unknown): Promise<boolean> {
    if (!(error instanceof StoreError) || error.code !== 'Compacted') return false;
    try {
      await this.#o.onLost();
      this.#last = undefined;
      return true;
    } catch {
      return false;
    }
  }

  async #follow(member: EtcdMember, signal: AbortSignal): Promise<void> {
    const { keys, log, revision } = this.#o;
    if (!(await member.connection.ready(connectMs)))
      throw new StoreError('Unavailable', `etcd at ${member.url} cannot be reached`);
    this.#canAsk = await answersProgress(member, signal);
    if (!(await this.#isSameHistory(member, signal))) {
      log.warn('etcd has another history than before, as one that was restored: reading it anew', {
        endpoint: member.url,
      });
      throw new StoreError('Compacted', 'etcd no longer has what it told');
    }
    using stream = member.watch.Watch({ signal });
    const from = { startRevision: String(revision() + 1), progressNotify: true, fragment: true };
    stream.write({ createRequest: { ...keys.whole, ...from } });
    try {
      await this.#read(stream, member);
    } finally {
      this.#stream = undefined;
      this.#member = undefined;
    }
  }

  /** One that was restored from a copy gives revisions out again: nothing of what is known here is to be believed then. */
  async #isSameHistory(member: EtcdMember, signal: AbortSignal): Promise<boolean> {
    const { keys, revision } = this.#o;
    const known = revision();
    const last = this.#last;
    const request = last ? { key: last.key, revision: last.modRevision } : { key: keys.whole.key };
    const ask = (of: Init<etcd.RangeRequest>) => member.kv.Range(of, { timeoutMs: askMs, signal });
    try {
      const { header, kvs } = await ask(request);
      return Number(header?.revision) >= known && (!last || isTold(last, kvs[0]));
    } catch (error) {
      const { code } = storeErrorOf(error);
      if (code === 'Future') return false;
      if (code !== 'Compacted') throw error;
      const { header } = await ask({ key: keys.whole.key });
      return Number(header?.revision) >= known;
    }
  }

  async #read(stream: Stream, member: EtcdMember): Promise<void> {
    let events: etcd.Event[] = [];
    for await (const response of stream) {
      if (response.canceled) throw endOf(response);
      if (response.created) {
        this.#stream = stream;
        this.#member = member;
        this.#pauseMs = firstPauseMs;
        continue;
      }
      events = events.length === 0 ? response.events : [...events, ...response.events];
      // The rest of these revisions is in the next one.
      if (response.fragment) continue;
      if (events.length > 0) await this.#tell(events);
      else this.#o.onProgress(Number(response.header?.revision));
      events = [];
    }
    throw new StoreError('Unavailable', 'etcd ended the watch');
  }

  async #tell(events: readonly etcd.Event[]): Promise<void> {
    const { keys, values, revision, onChanges } = this.#o;
    const known = revision();
    const changes: Change[] = [];
    for (const { type, kv } of events) {
      const at = Number(kv?.modRevision);
      const key = kv ? keys.ours(kv.key) : undefined;
      // A member that was behind may tell again what another told.
      if (!kv || key === undefined || at <= known) continue;
      const read = type === 'DELETE' ? undefined : values.read(kv.value);
      const value = read instanceof Promise ? await read : read;
      changes.push({ key, value, revision: at, ...(value ? { created: Number(kv.createRevision) } : {}) });
    }
    if (changes.length > 0) onChanges(changes);
    const last = events.at(-1)?.kv;
    // A copy: it would keep the whole message.
    if (last) this.#last = { ...last, key: new Uint8Array(last.key), value: new Uint8Array(last.value) };
  }
}

/** Whether `found`, which stood there at the revision of a change, is what the change was told to have made. */
function isTold(told: etcd.KeyValue, found: etcd.KeyValue | undefined): boolean {
  // Of a deletion the key and the revision are told.
  if (told.version === '0') return !found;
  return found?.modRevision === told.modRevision && Buffer.compare(found.value, told.value) === 0;
}

function endOf({ compactRevision, cancelReason }: etcd.WatchResponse): StoreError {
  if (Number(compactRevision) > 0)
    return new StoreError('Compacted', `etcd has forgotten what was before revision ${compactRevision}`);
  return new StoreError('Unavailable', `etcd ended the watch: ${cancelReason}`);
}
