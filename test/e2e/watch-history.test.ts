import { join } from 'node:path';
import { type Rng, seededRng, systemClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { EtcdCluster } from '../harness/etcd-cluster.ts';
import { BerthServers } from '../harness/watch-history/berth-servers.ts';
import { EtcdTruth } from '../harness/watch-history/etcd-truth.ts';
import { HistoryRun } from '../harness/watch-history/history-run.ts';
import { changesInFile, compactFile, revisionOfFile } from '../harness/watch-history/sqlite-truth.ts';
import { type TrueChange, TrueHistory } from '../harness/watch-history/true-history.ts';
import { namespaces } from '../harness/watch-history/watched-kinds.ts';

/** `BERTH_SEED` tries other moments, `BERTH_WATCH_HISTORY_ROUNDS` more of them: a round is two restarts of each server. */
const seed = Number(process.env['BERTH_SEED'] ?? 1);
const rounds = Number(process.env['BERTH_WATCH_HISTORY_ROUNDS'] ?? 1);
const timeout = 600_000 + rounds * 60_000;
const kinds = ['configmaps', 'nodes'];

function started(servers: BerthServers): HistoryRun {
  const load = { writers: 5, readers: 3, watchers: 20 };
  const run = new HistoryRun({ seed, clock: systemClock, wires: () => servers.wires, ...load });
  run.start();
  return run;
}

async function makeNamespaces(servers: BerthServers): Promise<void> {
  for (const name of namespaces) {
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    await servers.wires[0]?.request({ method: 'POST', path: '/api/v1/namespaces', body });
  }
}

/** Some of everything was there to go wrong. */
function expectMuch(run: HistoryRun, history: TrueHistory, atLeast: number): void {
  const { sessions, lists, objects, writes } = run.recorder;
  const frames = sessions.flatMap((session) => session.frames.map(({ frame }) => frame));
  const expired = run.watchers.reduce((sum, watcher) => sum + watcher.expired, 0);
  process.stderr.write(
    `seed ${seed}: ${history.changes.length} changes, ${writes.length} writes, ${lists.length} lists, ${objects.length} reads, ` +
      `${sessions.length} watches (${expired} expired), ${frames.length} frames\n`,
  );
  expect(history.changes.length).toBeGreaterThan(atLeast);
  expect(new Set(frames.map(({ type }) => type)).size).toBe(4);
  expect(Math.min(lists.length, objects.length, sessions.length)).toBeGreaterThan(20);
}

const rest = (rng: Rng, from: number, to: number) => systemClock.sleep(from + rng.next() * (to - from));

test('every watcher of a server sees the history of its file, over kill -9, restarts and compaction', {
  timeout,
}, async () => {
  const rng = seededRng(seed);
  await using servers = await BerthServers.start(1);
  await makeNamespaces(servers);
  const file = join(servers.berth(0).dataDir, 'store', 'berth.db');
  const changes: TrueChange[] = [];
  const take = () => changes.push(...changesInFile(file, changes.at(-1)?.revision ?? 0, kinds));
  const run = started(servers);
  for (let round = 0; round < rounds; round++)
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      await run.progress(60 + rng.next() * 120, 120_000);
      await servers.stop(0, signal);
      take();
      if (rng.next() < 0.7) compactFile(file, Math.floor(rng.next() * 200));
      await rest(rng, 0, 300);
      await servers.up(0);
    }
  await run.progress(60, 120_000);
  await run.stopWorking();
  // A file that is at rest: the server goes on saying that it lives, and is watched to the end once it is back.
  await servers.stop(0, 'SIGTERM');
  take();
  await servers.up(0);
  const history = new TrueHistory(changes, Number.POSITIVE_INFINITY);
  expect((await run.finish(history, 120_000)).slice(0, 10), `seed ${seed}`).toEqual([]);
  await servers.stop(0, 'SIGTERM');
  const told = run.recorder.sessions.flatMap(({ frames }) => frames.map(({ frame }) => frame.revision));
  expect(Math.max(...told)).toBeLessThanOrEqual(revisionOfFile(file));
  expectMuch(run, history, 60 * rounds);
});

test("every watcher of three servers on one etcd sees etcd's history, over rolling restarts and compaction", {
  timeout,
}, async () => {
  const rng = seededRng(seed);
  await using cluster = await EtcdCluster.start();
  using truth = await EtcdTruth.follow(cluster.endpoints[0]!, kinds);
  // The servers compact too, by turns.
  const args = ['--etcd-servers', cluster.servers, '--etcd-compaction-interval', '4s'];
  await using servers = await BerthServers.start(3, args);
  await makeNamespaces(servers);
  const run = started(servers);
  for (let round = 0; round < rounds; round++)
    for (const index of [0, 1, 2]) {
      await run.progress(30 + rng.next() * 80, 120_000);
      await servers.stop(index, rng.next() < 0.5 ? 'SIGKILL' : 'SIGTERM');
      if (rng.next() < 0.5) await truth.compact(Math.floor(rng.next() * 200));
      await rest(rng, 0, 300);
      await servers.up(index);
    }
  await run.progress(60, 120_000);
  await run.stopWorking();
  await truth.catchUp();
  // The servers go on saying that they live.
  const history = new TrueHistory(truth.changes, Number.POSITIVE_INFINITY);
  expect((await run.finish(history, 120_000)).slice(0, 10), `seed ${seed}`).toEqual([]);
  expectMuch(run, history, 60 * rounds);
});
