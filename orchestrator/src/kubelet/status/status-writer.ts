import { Backoff, type Clock, type Logger } from '@berth/kit';
import { isNotFound, type KubeClient, type Pod, type PodStatus, resources } from '@berth/kube';
import { uidOf } from '../pods/pod-facts.ts';
import { isKubeletCondition } from './compute-conditions.ts';
import { sameStatus } from './pod-status.ts';
import { statusPatch } from './status-patch.ts';

interface Entry {
  pod: Pod;
  wanted: PodStatus;
  /** The newest object this writer got back from the server. */
  written: Pod | undefined;
  dirty: boolean;
  writing: Promise<void> | undefined;
  retry: Disposable | undefined;
}

export interface StatusWriterOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** The pod as the node's source has it now. */
  readonly current: (uid: string) => Pod | undefined;
}

/** A failed write is tried again after 1 s, doubling to 10 s: statuses are wanted soon, whatever the server does. */
const retryOptions = { initialMs: 1000, maxMs: 10_000 };

/** Writes pod statuses: only changes, one write a pod at a time, the latest wins (pkg/kubelet/status/status_manager.go). */
export class StatusWriter implements AsyncDisposable {
  readonly #options: StatusWriterOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #backoff = new Backoff(retryOptions);
  readonly #end = new AbortController();

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /** The status last decided on, whether it is written yet or not. */
  get(uid: string): PodStatus | undefined {
    return this.#entries.get(uid)?.wanted;
  }

  /** Wants this status written; says nothing to the server where nothing changed. */
  set(pod: Pod, status: PodStatus): void {
    const uid = uidOf(pod);
    const entry = this.#entries.get(uid) ?? this.#add(uid, pod, status);
    entry.pod = pod;
    if (!entry.dirty && sameStatus(entry.wanted, status) && entry.written) return;
    entry.wanted = status;
    entry.dirty = true;
    this.#kick(uid, entry);
  }

  /** Resolves when the last status set is on the server, or will never be. */
  async flushed(uid: string, signal: AbortSignal): Promise<void> {
    for (let entry = this.#entries.get(uid); entry?.writing || entry?.dirty; entry = this.#entries.get(uid)) {
      signal.throwIfAborted();
      if (entry.writing) await entry.writing;
      else await this.#options.clock.sleep(retryOptions.initialMs, signal);
    }
  }

  forget(uid: string): void {
    this.#entries.get(uid)?.retry?.[Symbol.dispose]();
    this.#entries.delete(uid);
    this.#backoff.forget(uid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    for (const { retry } of this.#entries.values()) retry?.[Symbol.dispose]();
    await Promise.allSettled([...this.#entries.values()].map(({ writing }) => writing));
  }

  #add(uid: string, pod: Pod, wanted: PodStatus): Entry {
    const entry: Entry = { pod, wanted, written: undefined, dirty: true, writing: undefined, retry: undefined };
    this.#entries.set(uid, entry);
    return entry;
  }

  #kick(uid: string, entry: Entry): void {
    if (entry.writing || this.#end.signal.aborted || this.#entries.get(uid) !== entry) return;
    entry.retry?.[Symbol.dispose]();
    entry.retry = undefined;
    entry.writing = this.#writeAll(uid, entry).finally(() => {
      entry.writing = undefined;
      // What was wanted after the last look has nobody else to write it.
      if (entry.dirty && !entry.retry) this.#kick(uid, entry);
    });
  }

  async #writeAll(uid: string, entry: Entry): Promise<void> {
    while (entry.dirty && !this.#end.signal.aborted && this.#entries.get(uid) === entry) {
      entry.dirty = false;
      try {
        await this.#write(uid, entry);
        this.#backoff.forget(uid);
      } catch (error) {
        if (this.#end.signal.aborted) return;
        // Gone, or another pod of that name: there is nothing left to write on.
        if (isNotFound(error) || this.#options.current(uid) === undefined) {
          this.#options.log.debug('status not written', { pod: uid, error });
          return;
        }
        this.#options.log.warn('status not written, will try again', { pod: uid, error });
        entry.dirty = true;
        entry.retry = this.#options.clock.schedule(this.#backoff.next(uid), () => this.#kick(uid, entry));
        return;
      }
    }
  }

  async #write(uid: string, entry: Entry): Promise<void> {
    const base = newest(entry.written, this.#options.current(uid), entry.pod);
    const wanted = mergeForeign(base.status ?? {}, entry.wanted);
    const status = statusPatch(base.status ?? {}, wanted);
    entry.written ??= base;
    if (!status) return;
    const { namespace, name = '' } = base.metadata;
    const patch = { type: 'strategic', patch: { metadata: { uid }, status } } as const;
    const write = { subresource: 'status' };
    entry.written = await this.#options.client.patch<Pod>(
      resources.pods,
      { namespace, name },
      patch,
      write,
      this.#end.signal,
    );
  }
}

/** Conditions and nominations other writers own are taken from the newest object, not from what was seen at the sync. */
function mergeForeign(current: PodStatus, wanted: PodStatus): PodStatus {
  const foreign = (current.conditions ?? []).filter(({ type }) => !isKubeletCondition(type));
  const own = (wanted.conditions ?? []).filter(({ type }) => isKubeletCondition(type));
  const { nominatedNodeName: _, ...rest } = wanted;
  const nominated = current.nominatedNodeName === undefined ? {} : { nominatedNodeName: current.nominatedNodeName };
  return { ...rest, ...nominated, conditions: [...foreign, ...own] };
}

function newest(...pods: readonly (Pod | undefined)[]): Pod {
  const known = pods.filter((pod) => pod !== undefined);
  return known.reduce((best, pod) => (revision(pod) > revision(best) ? pod : best), known[0] as Pod);
}

function revision({ metadata }: Pod): bigint {
  return /^\d+$/.test(metadata.resourceVersion ?? '') ? BigInt(metadata.resourceVersion as string) : 0n;
}
