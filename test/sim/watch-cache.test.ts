import { type Rng, seededRng, silentLogger } from '@berth/kit';
import { expect, test } from 'vitest';
import { type ApiServer, createApiServer } from '../../orchestrator/src/api-server/create-api-server.ts';
import { EncryptedStore } from '../../orchestrator/src/api-server/encryption/encrypted-store.ts';
import type { Transformer } from '../../orchestrator/src/api-server/encryption/transformer.ts';
import { definitions } from '../../orchestrator/src/api-server/resources/definitions.ts';
import { MemoryStore } from '../../orchestrator/src/store/store.memory.ts';
import { CoarseClock } from '../harness/watch-history/coarse-clock.ts';
import { HistoryRun } from '../harness/watch-history/history-run.ts';
import { InProcessWire } from '../harness/watch-history/in-process-wire.ts';
import { ToldStore } from '../harness/watch-history/told-store.ts';
import { TrueHistory } from '../harness/watch-history/true-history.ts';
import { namespaces } from '../harness/watch-history/watched-kinds.ts';

/** `BERTH_SEED` begins elsewhere, `BERTH_SEEDS` tries more. */
const firstSeed = Number(process.env['BERTH_SEED'] ?? 1);
const seeds = Array.from({ length: Number(process.env['BERTH_SEEDS'] ?? 6) }, (_, i) => firstSeed + i);
const kinds = ['configmaps', 'nodes'];
const stepMs = 10;

/** Enough to be told from what it seals. */
const turned: Transformer = {
  seal: (data) => data.toReversed(),
  open: (data) => ({ data: data.toReversed(), stale: false }),
};

/** What is compacted already cannot be compacted to an older revision. */
class Compaction {
  readonly #store: ToldStore;
  #reached = 0;

  constructor(store: ToldStore) {
    this.#store = store;
  }

  /** Forgets all but the newest `keep` revisions. */
  async run(keep: number): Promise<void> {
    this.#reached = Math.max(this.#reached, this.#store.revision - keep);
    await this.#store.compact(this.#reached);
  }
}

/** Two servers of one store, which end and start again. */
class Servers implements AsyncDisposable {
  readonly #start: () => Promise<ApiServer>;
  readonly #running: ({ readonly wire: InProcessWire; readonly server: ApiServer } | undefined)[] = [];
  #lives = 0;

  constructor(start: () => Promise<ApiServer>) {
    this.#start = start;
  }

  get wires(): InProcessWire[] {
    return this.#running.flatMap((each) => (each ? [each.wire] : []));
  }

  async start(index: number): Promise<void> {
    const server = await this.#start();
    this.#running[index] = { server, wire: new InProcessWire(String(this.#lives++), server.transport()) };
  }

  async stop(index: number): Promise<void> {
    const running = this.#running[index];
    this.#running[index] = undefined;
    running?.wire.end();
    await running?.server[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#running.map((_, index) => this.stop(index)));
  }
}

async function simulate(seed: number): Promise<string[]> {
  const rng = seededRng(seed);
  const clock = new CoarseClock(stepMs, rng);
  await using memory = new MemoryStore({ clock });
  const sealed = rng.next() < 0.5 ? new EncryptedStore(memory, () => turned) : memory;
  const store = new ToldStore(sealed, kinds);
  const options = { definitions, clock, rng, log: silentLogger, nodeApi: () => undefined };
  await using servers = new Servers(() => createApiServer({ ...options, store }));
  for (const index of [0, 1]) await servers.start(index);
  for (const name of namespaces) {
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    await servers.wires[0]?.request({ method: 'POST', path: '/api/v1/namespaces', body });
  }
  const run = new HistoryRun({
    seed,
    clock,
    wires: () => servers.wires,
    writers: 4,
    readers: 2,
    watchers: 16,
    pauseMs: 120,
    isInProcess: true,
  });
  run.start();
  const compaction = new Compaction(store);
  for (let turn = 0; turn < 8; turn++) {
    await clock.go(150);
    await disturb({ rng, servers, compaction, clock });
  }
  await over(clock, run.stopWorking());
  const history = new TrueHistory(store.changes);
  expect(history.changes.length).toBeGreaterThan(100);
  return await over(clock, run.finish(history, 20_000));
}

interface Disturbed {
  readonly rng: Rng;
  readonly servers: Servers;
  readonly compaction: Compaction;
  readonly clock: CoarseClock;
}

async function disturb({ rng, servers, compaction, clock }: Disturbed): Promise<void> {
  if (rng.next() < 0.5) await compaction.run(Math.floor(rng.next() * 40));
  if (rng.next() < 0.5) return;
  const index = rng.next() < 0.5 ? 0 : 1;
  await over(clock, servers.stop(index));
  await clock.go(Math.floor(rng.next() * 30));
  await over(clock, servers.start(index));
}

/** Time goes on until it is done. */
async function over<T>(clock: CoarseClock, promise: Promise<T>): Promise<T> {
  let isOver = false;
  const done = promise.finally(() => {
    isOver = true;
  });
  done.catch(() => undefined);
  await clock.go(100_000, () => isOver);
  return await done;
}

test.each(seeds)(
  'every watcher sees the history of the store, over restarts and compactions (seed %i)',
  async (seed) => {
    expect((await simulate(seed)).slice(0, 5)).toEqual([]);
  },
);
