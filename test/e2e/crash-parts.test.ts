import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRng } from '@berth/kit';
import { httpTransport, KubeClient, loadKubeconfig, type Pod, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { Acknowledged } from '../harness/acknowledged.ts';
import { Berth, eventually, sleep } from '../harness/berth.ts';
import { driversOf, isSame, NodeTraces } from '../harness/node-traces.ts';
import { askCsictl, differences, Lives, onNode, readCluster, unsettled } from './crash-check.ts';
import { type SetFacts, Workload } from './crash-workload.ts';

const seed = Number(process.env['BERTH_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const rng = seededRng(seed);

async function clientOf(berth: Berth): Promise<KubeClient> {
  const { transport } = await loadKubeconfig(berth.ready.kubeconfig);
  return new KubeClient(httpTransport(transport));
}

/** Sets that run, and the processes of their containers. */
async function running(berth: Berth, ...sets: readonly SetFacts[]) {
  const client = await clientOf(berth);
  const workload = new Workload(rng, new Acknowledged());
  for (const facts of sets) await workload.create(client, facts);
  await isSettled(client);
  const lives = new Lives((node) => new NodeTraces(berth.dataDir, node));
  const { items } = await client.list(resources.pods, { namespace: 'default' });
  for (const pod of items) lives.saw(pod);
  return { client, workload, lives, pods: items };
}

async function isSettled(client: KubeClient): Promise<void> {
  let problems: string[] = [];
  const check = async () => {
    problems = unsettled(await readCluster(client));
    return problems.length === 0;
  };
  await eventually(check).catch(() => undefined);
  expect(problems).toEqual([]);
}

/** The machine has what the API says, on every node. */
async function isConsistent(berth: Berth, client: KubeClient, nodes = ['node-1']): Promise<void> {
  let problems: string[] = [];
  const check = async () => {
    const cluster = await readCluster(client);
    problems = unsettled(cluster);
    for (const node of problems.length > 0 ? [] : nodes) {
      const { volumes, badMounts } = await askCsictl(berth, node);
      const traces = new NodeTraces(berth.dataDir, node);
      problems.push(...badMounts, ...differences(onNode(cluster, node), traces, volumes));
    }
    return problems.length === 0;
  };
  await eventually(check, { timeoutMs: 120_000 }).catch(() => undefined);
  expect(problems, `BERTH_SEED=${seed}`).toEqual([]);
}

const still = (pods: readonly Pod[], lives: Lives) =>
  pods.flatMap((pod) => {
    const life = lives.of(pod);
    return life && isSame(life) ? [] : [pod.metadata.name];
  });

test('a CSI driver that is killed in the middle of calls is started again, and pods never notice', async () => {
  await using berth = await Berth.start();
  const { client, workload, lives, pods } = await running(berth, { name: 'calm', replicas: 2, policy: 'Parallel' });
  await workload.create(client, { name: 'busy', replicas: 3, policy: 'Parallel', dropsClaims: true });
  for (let round = 0; round < 4; round++) {
    await sleep(rng.next() * 300);
    const [driver] = driversOf(berth.dataDir);
    if (driver) process.kill(driver, 'SIGKILL');
    await eventually(async () => driversOf(berth.dataDir).some((pid) => pid !== driver), { what: 'another driver' });
    const patch = { type: 'merge', patch: { spec: { replicas: round % 2 === 0 ? 0 : 3 } } } as const;
    await client.patch(resources.statefulsets, { namespace: 'default', name: 'busy' }, patch);
  }
  await isConsistent(berth, client);
  expect(still(pods, lives)).toEqual([]);
});

test('down that is killed leaves nothing when it is run again', async () => {
  await using berth = Berth.at();
  for (const delayMs of [100, 250, 400]) {
    await berth.up();
    await running(berth, { name: `w${delayMs}`, replicas: 2, policy: 'Parallel' });
    if (delayMs > 200) await berth.stop('SIGKILL');
    const down = berth.launch('berth', ['down', '--data-dir', berth.dataDir]);
    await sleep(delayMs + rng.next() * 150);
    down.kill('SIGKILL');
    await berth.stop('SIGKILL');
    const again = await berth.command('berth', ['down', '--data-dir', berth.dataDir]);
    expect([again.code, again.stderr]).toEqual([0, expect.any(String)]);
    expect(new NodeTraces(berth.dataDir).all(), `BERTH_SEED=${seed}`).toEqual([]);
    expect(driversOf(berth.dataDir)).toEqual([]);
  }
  // What volumes held is there, and the pods come back on it.
  await berth.up();
  const client = await clientOf(berth);
  await isConsistent(berth, client);
});

test('three nodes come back from a kill with every container as it was', async () => {
  await using berth = await Berth.start({ nodes: 3 });
  const { lives, pods } = await running(berth, { name: 'spread', replicas: 6, policy: 'Parallel' });
  expect(new Set(pods.map(({ spec }) => spec?.nodeName)).size).toBe(3);
  await berth.stop('SIGKILL');
  expect(still(pods, lives)).toEqual([]);
  await berth.up();
  const client = await clientOf(berth);
  await isConsistent(berth, client, ['node-1', 'node-2', 'node-3']);
  expect(still(pods, lives)).toEqual([]);
});

test('a second berth on the data directory is refused with one line that names the first', async () => {
  await using berth = await Berth.start();
  const { code, stderr, stdout } = await berth.command('berth', ['up', '--data-dir', berth.dataDir, '--port', '0']);
  expect([code, stdout]).toEqual([1, '']);
  const [line, ...hints] = stderr.trim().split('\n');
  expect(line).toBe(`berth: data directory ${berth.dataDir} is used by another berth (pid ${berth.ready.pid})`);
  expect(hints.length).toBeLessThanOrEqual(1);
  expect((await (await clientOf(berth)).list(resources.nodes)).items).toHaveLength(1);
});

test('a first start that is killed at any moment is made good by the next', async () => {
  for (let round = 0; round < 6; round++) {
    await using berth = Berth.at();
    const starting = berth.up().catch(() => undefined);
    await sleep(50 + ((round + rng.next()) * 1200) / 6);
    await berth.stop('SIGKILL');
    await starting;
    await berth.up();
    const client = await clientOf(berth);
    const config = readFileSync(join(berth.dataDir, 'admin.kubeconfig'), 'utf8');
    expect(config, `BERTH_SEED=${seed}`).toContain(new URL(berth.ready.server).port);
    expect((await client.list(resources.storageclasses)).items.map(({ metadata }) => metadata.name)).toEqual(['berth']);
  }
});

test('SIGTERM during a start ends it without a complaint and leaves no process', async () => {
  await using berth = Berth.at();
  for (const delayMs of [150, 250, 350, 450, 550, 650]) {
    const up = berth.launch('berth', ['up', '--data-dir', berth.dataDir, '--port', '0']);
    const ended = new Promise((resolve) => up.once('exit', (code, signal) => resolve(code ?? signal)));
    await sleep(delayMs + rng.next() * 100);
    up.kill('SIGTERM');
    // Before the program has begun, the signal itself ends it.
    expect([0, 'SIGTERM']).toContain(await ended);
    expect(driversOf(berth.dataDir)).toEqual([]);
  }
  await berth.up();
});

test('what ends all processes of berth as a service leaves its containers', async () => {
  // systemd's hierarchy under v1, the only one under v2.
  const root = ['/sys/fs/cgroup/systemd', '/sys/fs/cgroup'].find((path) => existsSync(`${path}/cgroup.procs`));
  if (root === undefined) return;
  const unit = `${root}/berthtest-${process.pid}`;
  mkdirSync(unit);
  const members = () => readFileSync(`${unit}/cgroup.procs`, 'utf8').trim().split('\n').filter(Boolean).map(Number);
  {
    await using berth = await Berth.start({ onSpawn: (pid) => writeFileSync(`${unit}/cgroup.procs`, String(pid)) });
    const { lives, pods } = await running(berth, { name: 'calm', replicas: 2, policy: 'Parallel' });
    expect(members()).toContain(berth.ready.pid);
    for (const pid of members()) process.kill(pid, 'SIGKILL');
    await berth.stop();
    await eventually(async () => members().length === 0, { what: 'the end of the service' });
    expect(still(pods, lives)).toEqual([]);
    expect(new NodeTraces(berth.dataDir).monitored()).toHaveLength(2);
    await berth.up();
    await isConsistent(berth, await clientOf(berth));
    expect(still(pods, lives)).toEqual([]);
  }
  rmdirSync(unit);
});

test('Ctrl-C in the terminal of berth up does not reach its containers', async () => {
  await using berth = await Berth.start();
  const { lives, pods } = await running(berth, { name: 'calm', replicas: 1, policy: 'Parallel' });
  await berth.stop();
  const readyFile = join(berth.dataDir, 'ready-again.json');
  const up = berth.launch('berth', ['up', '--data-dir', berth.dataDir, '--port', '0', '--ready-file', readyFile]);
  const ended = new Promise((resolve) => up.once('exit', resolve));
  await eventually(async () => existsSync(readyFile), { what: 'berth in its terminal' });
  process.kill(-(up.pid as number), 'SIGINT');
  expect(await ended).toBe(0);
  expect(still(pods, lives)).toEqual([]);
});
