import { type Rng, seededRng, silentLogger, systemClock } from '@berth/kit';
import { GrpcConnection, loadEtcd } from '@berth/protos';
import { expect, test } from 'vitest';
import { etcdEndpointsOf } from '../../orchestrator/src/store/etcd/etcd-endpoint.ts';
import { openEtcdStore } from '../../orchestrator/src/store/etcd/store.etcd.ts';
import { EtcdCluster } from '../harness/etcd-cluster.ts';
import { etcdHistory } from '../harness/etcd-history.ts';
import { etcdPrograms } from '../harness/etcd-program.ts';
import { StoreWorkload, thingsPrefix, WanderingWatcher } from '../harness/store-workload.ts';
import { TcpProxy } from '../harness/tcp-proxy.ts';

const members = 3;
/** A history of fewer says little; how long they take is the machine's matter. */
const leastWrites = 100;
/** Another one tries other moments. */
const seed = Number(process.env['BERTH_SEED'] ?? 11);

/** What may happen to one member. */
const faults: Readonly<Record<string, (cluster: EtcdCluster, member: number, rng: Rng) => Promise<void>>> = {
  async 'kill -9'(cluster, member, rng) {
    await cluster.kill(member);
    await systemClock.sleep(200 + rng.next() * 1500);
    await cluster.run(member);
  },
  async 'network cut'(cluster, member, rng) {
    cluster.cut(member);
    await systemClock.sleep(500 + rng.next() * 2500);
    cluster.mend(member);
  },
  async 'isolation from the others'(cluster, member, rng) {
    cluster.isolate(member);
    await systemClock.sleep(500 + rng.next() * 2500);
    cluster.rejoin(member);
  },
};

/** All members in turn, the leader among them; those two of three go on. */
async function cause(fault: keyof typeof faults, cluster: EtcdCluster, rng: Rng): Promise<void> {
  for (let member = 0; member < members; member++) {
    await faults[fault]?.(cluster, member, rng);
    await systemClock.sleep(500 + rng.next() * 500);
  }
}

/** Writers, readers and watchers at three stores, while something happens to etcd; what they saw is held against etcd's own history. */
async function survives(
  program: string,
  happen: (cluster: EtcdCluster, rng: Rng, ways: readonly TcpProxy[]) => Promise<void>,
): Promise<void> {
  const rng = seededRng(seed);
  await using stack = new AsyncDisposableStack();
  const cluster = stack.use(await EtcdCluster.start({ program, members, cuttable: true }));
  const ways = await Promise.all(
    cluster.endpoints.map(async ({ address }) => {
      const [host, port] = address.split(':');
      return stack.use(await TcpProxy.to(Number(port), host));
    }),
  );
  const stores = await Promise.all(
    Array.from({ length: 3 }, async (_, i) => {
      // The first has ways of its own, which may be cut; each begins at another member.
      const own = etcdEndpointsOf(ways.map(({ port }) => `http://127.0.0.1:${port}`).join(','));
      const all = i === 0 ? own : cluster.endpoints;
      const endpoints = [...all.slice(i), ...all.slice(0, i)];
      return stack.use(await openEtcdStore({ endpoints, clock: systemClock, log: silentLogger }));
    }),
  );
  const workload = new StoreWorkload(stores, rng);
  const watchers = Array.from(
    { length: 4 },
    () => new WanderingWatcher(stores, seededRng(Math.floor(rng.next() * 1e6)), 1),
  );
  workload.start(6, 5);
  await systemClock.sleep(500);
  await happen(cluster, rng, ways);
  while (workload.count <= leastWrites) await systemClock.sleep(20);
  await workload.stop();

  const history = await etcdHistory(cluster.endpoints[0]!, thingsPrefix);
  const newest = history.at(-1)?.revision ?? 0;
  await expect.poll(() => watchers.map(({ revision }) => revision)).toEqual(watchers.map(() => newest));
  await Promise.all(watchers.map((watcher) => watcher.stop()));
  expect([...workload.problems, ...watchers.flatMap(({ problems }) => problems)]).toEqual([]);
  const there = new Set(history.map((told) => JSON.stringify(told)));
  expect(workload.acknowledged().filter((told) => !there.has(JSON.stringify(told)))).toEqual([]);
  for (const { told } of watchers) expect(told).toEqual(history);
  expect(workload.unexplained()).toEqual([]);
}

for (const [version, program] of Object.entries(etcdPrograms())) {
  for (const fault of Object.keys(faults))
    test(`${fault} of each member of etcd ${version} under load loses no acknowledged write and no event, and tells none twice`, () =>
      survives(program, (cluster, rng) => cause(fault, cluster, rng)));

  test(`kill -9 of all members of etcd ${version} at once under load loses no acknowledged write and no event`, () =>
    survives(program, async (cluster) => {
      await systemClock.sleep(1500);
      await Promise.all([0, 1, 2].map((member) => cluster.kill(member)));
      await systemClock.sleep(1000);
      await Promise.all([0, 1, 2].map((member) => cluster.run(member)));
      await systemClock.sleep(3000);
    }));

  test(`a network cut of the majority of etcd ${version} under load loses no acknowledged write and no event`, () =>
    survives(program, async (cluster) => {
      await systemClock.sleep(1000);
      for (const member of [1, 2]) cluster.cut(member);
      await systemClock.sleep(4000);
      for (const member of [1, 2]) cluster.mend(member);
      await systemClock.sleep(4000);
    }));

  test(`an API server that is cut off from etcd ${version} under load misses nothing once it is back`, () =>
    survives(program, async (_cluster, _rng, ways) => {
      await systemClock.sleep(1000);
      for (const way of ways) way.cut();
      await systemClock.sleep(5000);
      for (const way of ways) way.mend();
      await systemClock.sleep(3000);
    }));
}

for (const [version, program] of Object.entries(etcdPrograms()))
  test(`defragmentation of each member of etcd ${version} under load loses no acknowledged write and no event`, async () => {
    const { etcdMaintenance } = await loadEtcd();
    let done = 0;
    await survives(program, async (cluster) => {
      for (const { address } of cluster.endpoints) {
        await systemClock.sleep(500);
        using connection = new GrpcConnection(address);
        await connection.service(etcdMaintenance).Defragment({});
        done++;
      }
    });
    expect(done).toBe(members);
  });
