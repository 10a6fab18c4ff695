import { setTimeout as sleep } from 'node:timers/promises';
import { EtcdCluster } from '../../harness/etcd-cluster.ts';
import { rate } from '../driver/rates.ts';
import { median, ms, type Table } from '../table.ts';
import { ApiServer, namespace, rssMbOf } from './api-server.ts';
import { Load } from './load.ts';
import type { RawConnection } from './raw-connection.ts';
import { latencyOfEvents, manyWatchers } from './watching.ts';

const maps = `/api/v1/namespaces/${namespace}/configmaps`;
const pods = `/api/v1/namespaces/${namespace}/pods`;
/** Two seconds after its last work a process gives memory back, at most every twenty; V8 keeps free pages for eight. */
const untilRestMs = 35_000;
/** Rounds of {@link costs} until V8 has compiled again what they run. */
const warmUps = 10;

/** What the API server costs: the built program, TLS, authentication and RBAC, durable writes, real sockets. */
export async function benchApi(table: Table, rounds: number): Promise<void> {
  await using server = await ApiServer.start();
  await benchServer(table, rounds, server);
}

/** The same with one member of Debian's etcd on this machine as the store, as the reference has it. */
export async function benchApiOnEtcd(table: Table, rounds: number): Promise<void> {
  await using cluster = await EtcdCluster.start();
  await using server = await ApiServer.start(['--etcd-servers', cluster.servers]);
  await benchServer(table, rounds, server);
  table.record('RSS of etcd after all that', '–', '–', `${rssMbOf(cluster.pid(0)).toFixed(0)} MB`);
}

async function benchServer(table: Table, rounds: number, server: ApiServer): Promise<void> {
  const starts: number[] = [];
  for (let i = 0; i < rounds; i++) starts.push(await server.restart());
  table.record('start until ready, warm data directory', '≤ 400 ms', '3.3 s', ms(starts));
  const connections = await server.open(16);
  await benchGets(table, server, connections, rounds);
  await benchCreates(table, server, connections, rounds);
  await latencyOfEvents(table, server);
  await manyWatchers(table, server);
  await benchLists(table, server, connections, rounds);
  await benchScale(table, server, connections, rounds);
  for (const connection of connections) connection[Symbol.dispose]();
}

/** About the size of what the reference was measured with. */
function aMap(name: string, bytes = 300): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text: 'x'.repeat(bytes) } });
}

async function benchGets(
  table: Table,
  server: ApiServer,
  connections: readonly RawConnection[],
  rounds: number,
): Promise<void> {
  await ask(connections[0], 'POST', maps, aMap('one', 1000));
  const get = (count: number, inFlight: number) => {
    let left = count;
    const more = () => left-- > 0;
    const load = new Load(server.pid, count);
    return load.of(Promise.all(connections.slice(0, inFlight).map((each) => each.repeat(`${maps}/one`, more))));
  };
  // The first calls of a process pay for the compiler.
  await get(10_000, 16);
  for (const [inFlight, target, reference] of [
    [1, 3500, 668],
    [16, 12_000, 1817],
  ] as const) {
    const loads: Load[] = [];
    for (let i = 0; i < rounds; i++) loads.push(await get(inFlight === 1 ? 5000 : 16_000, inFlight));
    table.record(`GET, ${inFlight} connections`, `≥ ${target} /s`, String(reference), Load.text(loads));
  }
}

async function benchCreates(
  table: Table,
  server: ApiServer,
  connections: readonly RawConnection[],
  rounds: number,
): Promise<void> {
  let made = 0;
  const create = (count: number, inFlight: number) =>
    new Load(server.pid, count).of(
      rateOver(connections.slice(0, inFlight), count, (c) => ask(c, 'POST', maps, aMap(`made-${made++}`))),
    );
  await create(2000, 16);
  for (const [inFlight, target, reference] of [
    [1, 1500, 413],
    [16, 4000, 1020],
  ] as const) {
    const loads: Load[] = [];
    for (let i = 0; i < rounds; i++) loads.push(await create(inFlight === 1 ? 500 : 2000, inFlight));
    table.record(`create, ${inFlight} connections`, `≥ ${target} /s`, String(reference), Load.text(loads));
  }
  await ask(connections[0], 'DELETE', maps);
}

async function benchLists(
  table: Table,
  server: ApiServer,
  connections: readonly RawConnection[],
  rounds: number,
): Promise<void> {
  for (let i = 0; i < 1000; i++) await ask(connections[0], 'POST', maps, aMap(`listed-${i}`, 230));
  const { body } = await ask(connections[0], 'GET', maps);
  const list = (count: number) =>
    new Load(server.pid, count).of(rateOver(connections, count, (c) => ask(c, 'GET', maps)));
  await list(200);
  const loads: Load[] = [];
  for (let i = 0; i < rounds; i++) loads.push(await list(400));
  const what = `list of 1000 (${(body.length / 1000).toFixed(0)} kB), 16 connections`;
  table.record(what, '≥ 400 /s', '85', Load.text(loads));
  await ask(connections[0], 'DELETE', maps);
}

/** Memory and cost where there are many objects of a kind. */
async function benchScale(
  table: Table,
  server: ApiServer,
  connections: readonly RawConnection[],
  rounds: number,
): Promise<void> {
  await sleep(untilRestMs);
  const atFew = await warmCosts(connections, rounds);
  let made = 0;
  const fill = (kind: string, to: number, body: (name: string) => string) =>
    rateOver(connections, to - made, (c) => ask(c, 'POST', kind, body(`many-${made++}`)));
  await fill(pods, 10_000, aPod);
  await sleep(untilRestMs);
  table.record('RSS with 10,000 pods, at rest', '≤ 120 MB', '270 MB idle', `${server.rssMb().toFixed(0)} MB`);
  const lists = [];
  for (let i = 0; i < 5; i++) lists.push(await ask(connections[0], 'GET', pods));
  const size = `${((lists[0]?.body.length ?? 0) / 1e6).toFixed(1)} MB`;
  table.record(`10,000 pods listed (${size}), first byte`, '≤ 150 ms', '–', ms(lists.map(({ firstMs }) => firstMs)));
  table.record(`10,000 pods listed (${size}), last byte`, '≤ 400 ms', '–', ms(lists.map(({ lastMs }) => lastMs)));
  await ask(connections[0], 'DELETE', `${pods}?gracePeriodSeconds=0`);
  made = 0;
  await fill(maps, 100_000, aMap);
  await sleep(untilRestMs);
  table.record('RSS with 100,000 objects, at rest', '≤ 500 MB', '700 MB after load', `${server.rssMb().toFixed(0)} MB`);
  const atMany = await warmCosts(connections, rounds);
  for (const [what, few] of atFew) {
    const many = atMany.get(what) as number;
    table.record(
      `${what} at 100 → 100,000 objects`,
      '≤ × 1.25',
      '–',
      `${few.toFixed(3)} → ${many.toFixed(3)} ms, × ${(many / few).toFixed(2)}`,
    );
  }
}

/**
 * Medians of some rounds. Of few and of many objects alike it comes after a rest, which takes compiled code and caches away: so many
 * calls that do not count bring them back.
 */
async function warmCosts(connections: readonly RawConnection[], rounds: number): Promise<ReadonlyMap<string, number>> {
  for (let i = 0; i < warmUps; i++) await costs(connections);
  const all: ReadonlyMap<string, number>[] = [];
  for (let i = 0; i < rounds; i++) all.push(await costs(connections));
  const whats = [...(all[0]?.keys() ?? [])];
  return new Map(whats.map((what) => [what, median(all.map((one) => one.get(what) as number))]));
}

/** Milliseconds a request, by kind of request, one after the other. */
async function costs(connections: readonly RawConnection[]): Promise<ReadonlyMap<string, number>> {
  const one = connections[0];
  await rateOver([one], 100, (c, i) => ask(c, 'POST', maps, aMap(`cost-${i}`)));
  const each = async (count: number, call: (index: number) => Promise<unknown>) => {
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      const started = performance.now();
      await call(i);
      times.push(performance.now() - started);
    }
    return median(times);
  };
  const result = new Map([
    ['GET', await each(500, (i) => ask(one, 'GET', `${maps}/cost-${i % 100}`))],
    ['create', await each(300, (i) => ask(one, 'POST', maps, aMap(`new-${i}`)))],
    ['merge patch', await each(300, (i) => ask(one, 'PATCH', `${maps}/new-${i}`, '{"data":{"more":"yes"}}'))],
    ['list of a page of 100', await each(100, () => ask(one, 'GET', `${maps}?limit=100`))],
    ['delete', await each(300, (i) => ask(one, 'DELETE', `${maps}/new-${i}`))],
  ]);
  for (let i = 0; i < 100; i++) await ask(one, 'DELETE', `${maps}/cost-${i}`);
  return result;
}

function aPod(name: string): string {
  const containers = [{ name: 'c', image: 'berth.local/tools:latest', command: ['sleep', '100000'] }];
  // For a scheduler that is not there: they cost the server, and nobody runs them.
  const spec = { schedulerName: 'nobody', containers };
  return JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name, labels: { app: 'many' } }, spec });
}

/** Calls a second, one at a time on each connection. */
async function rateOver(
  connections: readonly (RawConnection | undefined)[],
  count: number,
  call: (connection: RawConnection, index: number) => Promise<unknown>,
): Promise<number> {
  const free = [...connections] as RawConnection[];
  return await rate(count, connections.length, async (index) => {
    const connection = free.pop() as RawConnection;
    await call(connection, index);
    free.push(connection);
  });
}

/** @throws an Error – the answer is none of success. */
export async function ask(connection: RawConnection | undefined, method: string, path: string, body?: string) {
  const answer = await (connection as RawConnection).ask(method, path, body);
  if (answer.status < 300) return answer;
  throw new Error(`${method} ${path}: ${answer.status} ${answer.body.toString().slice(0, 300)}`);
}
