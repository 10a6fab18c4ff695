import { type Clock, type Rng, systemClock } from '@berth/kit';
import type { Store, StoreEvent } from '../../orchestrator/src/store/store.ts';
import { StoreError } from '../../orchestrator/src/store/store-error.ts';
import { isLinearizable } from './linearizability.ts';
import {
  type RegisterInput,
  type RegisterOperation,
  type RegisterOutput,
  registerModel,
  type Seen,
} from './register-model.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const thingsPrefix = '/registry/things/';

/** One change as a watcher, or etcd itself, told it. */
export interface Told {
  readonly key: string;
  readonly revision: number;
  /** Absent: deleted. */
  readonly value: string | undefined;
}

/** Clients that read and write a few keys at several stores at once, and write down what they did and when. */
export class StoreWorkload {
  readonly #stores: readonly Store[];
  readonly #rng: Rng;
  readonly #clock: Clock = systemClock;
  readonly #byKey = new Map<string, RegisterOperation[]>();
  readonly #end = new AbortController();
  readonly #running: Promise<void>[] = [];
  /** What went wrong beyond what a history can tell. */
  readonly problems: string[] = [];
  count = 0;
  unknown = 0;

  constructor(stores: readonly Store[], rng: Rng) {
    this.#stores = stores;
    this.#rng = rng;
  }

  start(clients: number, keys: number): void {
    for (let client = 0; client < clients; client++) this.#running.push(this.#run(client, keys));
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await Promise.all(this.#running);
  }

  /** Keys whose history no order of their calls explains. */
  unexplained(): string[] {
    return [...this.#byKey].filter(([, history]) => !isLinearizable(registerModel, history)).map(([key]) => key);
  }

  /** Writes that were acknowledged. */
  acknowledged(): Told[] {
    return [...this.#byKey].flatMap(([key, history]) =>
      history.flatMap(({ input, output }) =>
        input.op === 'write' && output !== 'unknown' && output.op === 'write' && output.ok
          ? [{ key, revision: output.revision, value: input.value }]
          : [],
      ),
    );
  }

  async #run(client: number, keys: number): Promise<void> {
    for (let turn = 0; !this.#end.signal.aborted; turn++) {
      const key = `${thingsPrefix}${Math.floor(this.#rng.next() * keys)}`;
      const store = this.#stores[Math.floor(this.#rng.next() * this.#stores.length)] as Store;
      const seen = await this.#record(key, { op: 'read' }, () => read(store, key));
      await this.#clock.sleep(this.#rng.next() * 10);
      if (seen === 'unknown' || seen.op !== 'read') continue;
      const value = this.#rng.next() < 0.15 && seen.seen ? undefined : `${client}-${turn}`;
      const input = { op: 'write', expected: seen.seen?.revision ?? 0, value } as const;
      const wrote = await this.#record(key, input, () => write(store, key, input));
      if (wrote !== 'unknown' && wrote.op === 'write' && wrote.ok) await this.#readElsewhere(key, wrote.revision);
    }
  }

  /** What one server has acknowledged, another shows who asks for nothing older. */
  async #readElsewhere(key: string, revision: number): Promise<void> {
    const store = this.#stores[Math.floor(this.#rng.next() * this.#stores.length)] as Store;
    try {
      const [item, { revision: listed }] = await Promise.all([
        store.get(key, revision),
        store.range({ prefix: thingsPrefix, notOlderThan: revision }),
      ]);
      if (item && item.modRevision < revision)
        this.problems.push(`${key} at ${item.modRevision}, asked for ${revision}`);
      if (listed < revision) this.problems.push(`a list of ${listed}, asked for ${revision}`);
    } catch (error) {
      if (!isAway(error)) this.problems.push(`${key} not older than ${revision}: ${error}`);
    }
  }

  async #record(
    key: string,
    input: RegisterInput,
    run: () => Promise<RegisterOutput>,
  ): Promise<RegisterOutput | 'unknown'> {
    const startedAt = this.#clock.monotonicMs();
    const add = (output: RegisterOutput | 'unknown') => {
      const history = this.#byKey.get(key) ?? [];
      history.push({ input, output, startedAt, endedAt: this.#clock.monotonicMs() });
      this.#byKey.set(key, history);
      this.count++;
      return output;
    };
    try {
      return add(await run());
    } catch (error) {
      if (!isAway(error)) throw error;
      // A read leaves no trace; of what was not done, others must see nothing.
      if (error.code === 'Unavailable' || input.op === 'read') return 'unknown';
      this.unknown++;
      return add('unknown');
    }
  }
}

function isAway(error: unknown): error is StoreError {
  return error instanceof StoreError && (error.code === 'Unavailable' || error.code === 'Uncertain');
}

async function read(store: Store, key: string): Promise<RegisterOutput> {
  return { op: 'read', seen: seenOf(await store.get(key)) };
}

async function write(
  store: Store,
  key: string,
  { expected, value }: { readonly expected: number; readonly value: string | undefined },
): Promise<RegisterOutput> {
  const result = await store.write({ key, expected, ...(value === undefined ? {} : { value: encoder.encode(value) }) });
  return result.ok
    ? { op: 'write', ok: true, revision: result.revision }
    : { op: 'write', ok: false, seen: seenOf(result.current) };
}

function seenOf(item: { readonly value: Uint8Array; readonly modRevision: number } | undefined): Seen {
  return item && { value: decoder.decode(item.value), revision: item.modRevision };
}

/** Follows the keys, now at one store, now at another, from where it was. */
export class WanderingWatcher {
  readonly #stores: readonly Store[];
  readonly #rng: Rng;
  readonly #end = new AbortController();
  readonly #running: Promise<void>;
  readonly after: number;
  readonly told: Told[] = [];
  readonly problems: string[] = [];
  moves = 0;

  constructor(stores: readonly Store[], rng: Rng, after: number) {
    this.#stores = stores;
    this.#rng = rng;
    this.after = after;
    this.#running = this.#run();
  }

  get revision(): number {
    return this.told.at(-1)?.revision ?? this.after;
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#end.signal.aborted) {
      const store = this.#stores[Math.floor(this.#rng.next() * this.#stores.length)] as Store;
      const enough = AbortSignal.any([this.#end.signal, AbortSignal.timeout(Math.ceil(50 + this.#rng.next() * 500))]);
      try {
        for await (const batch of store.watch(thingsPrefix, this.revision, enough)) this.#take(batch);
      } catch (error) {
        this.problems.push(`a watch after ${this.revision} failed: ${error}`);
        return;
      }
      this.moves++;
    }
  }

  #take(batch: readonly StoreEvent[]): void {
    for (const { type, item } of batch) {
      const value = type === 'put' ? decoder.decode(item.value) : undefined;
      this.told.push({ key: item.key, revision: item.modRevision, value });
    }
  }
}
