import { seededRng } from '@berth/kit';
import { httpTransport, KubeClient, loadKubeconfig, type Pod, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { Acknowledged } from '../harness/acknowledged.ts';
import { Berth, eventually, sleep } from '../harness/berth.ts';
import { NodeTraces } from '../harness/node-traces.ts';
import { askCsictl, differences, Lives, readCluster, readData, unsettled } from './crash-check.ts';
import { Workload } from './crash-workload.ts';

const rounds = 50;
const settleEvery = 10;
/** Each wait in a round tells by itself what does not come: all of them together only take long on a busy machine. */
const timeout = rounds * 60_000;
const seed = Number(process.env['BERTH_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

async function clientOf(berth: Berth): Promise<KubeClient> {
  const { transport } = await loadKubeconfig(berth.ready.kubeconfig);
  return new KubeClient(httpTransport(transport), { fieldManager: 'crash-test' });
}

test(`fifty kills in a rollout lose nothing and leave nothing (BERTH_SEED=${seed})`, { timeout }, async () => {
  const rng = seededRng(seed);
  await using berth = await Berth.start({ args: ['--log-level', 'debug'] });
  const traces = new NodeTraces(berth.dataDir);
  const lives = new Lives(() => traces);
  const seen = new Acknowledged((plural, object) => {
    if (plural === 'pods') lives.saw(object as Pod);
  });
  let client = await clientOf(berth);
  await seen.follow(client);
  const bystander = new Workload(rng, seen);
  const workload = new Workload(rng, seen);
  await bystander.create(client, { name: 'bystander', replicas: 2, policy: 'Parallel' });
  await workload.create(client, { name: 'ordered', replicas: 2, policy: 'OrderedReady' });
  await workload.create(client, { name: 'parallel', replicas: 3, policy: 'Parallel', dropsClaims: true });
  await eventually(async () => unsettled(await readCluster(client)).length === 0, { what: 'the first rollout' });
  const bystanders = seen.all<Pod>('pods').filter(({ metadata }) => metadata.labels?.['app'] === 'bystander');
  const before = bystanders.map((pod) => [pod.metadata.uid, lives.of(pod)]);
  let data = readData(await readCluster(client), traces);

  for (let round = 1; round <= rounds; round++) {
    const where = `round ${round} of BERTH_SEED=${seed}`;
    if (rng.next() < 0.25) {
      await berth.stop('SIGKILL');
      await seen.unfollow();
      const starting = berth.up().catch(() => undefined);
      await sleep(rng.next() * berth.ready.startedInMs);
      await berth.stop('SIGKILL');
      await starting;
    } else {
      const busy = new AbortController();
      const acting = actUntil(workload, client, { signal: busy.signal, pauseMs: () => rng.next() * 150 });
      await sleep(rng.next() * 1000);
      await berth.stop('SIGKILL');
      busy.abort();
      await acting;
      await seen.unfollow();
    }
    await berth.up();
    client = await clientOf(berth);
    await seen.follow(client);
    expect(await seen.lost(client), where).toEqual([]);
    expect(await workload.broken(client), where).toEqual([]);
    expect(await lives.ended(client), where).toEqual([]);
    expect(lives.problems, where).toEqual([]);
    if (round % settleEvery > 0) continue;
    await workload.settle(client);
    data = await settled(berth, client, { traces, data, where });
  }
  if (process.env['DEBUG'])
    console.log(
      [
        ...new Set(
          berth.log
            .split('\n')
            .filter((l) => / warn | error /.test(l))
            .map((l) => l.slice(13, 300)),
        ),
      ].join('\n'),
    );
  expect(bystanders.map((pod) => [pod.metadata.uid, lives.of(pod)])).toEqual(before);
  const { items } = await client.list(resources.events, {});
  const warnings = items.filter(({ type }) => type === 'Warning');
  // Claims are deleted under pods that ask for them; anything else would be a failure that users see and that was none.
  const expected =
    /persistentvolumeclaim|pvc .* is to be deleted|UID in precondition|the claim was deleted while its volume was made/;
  expect(
    warnings.filter(({ message }) => !expected.test(message ?? '')).map(({ reason, message }) => [reason, message]),
  ).toEqual([]);
  await seen.unfollow();
});

async function actUntil(
  workload: Workload,
  client: KubeClient,
  { signal, pauseMs }: { readonly signal: AbortSignal; readonly pauseMs: () => number },
): Promise<void> {
  while (!signal.aborted) {
    try {
      await workload.act(client);
      await sleep(pauseMs());
    } catch (error) {
      await sleep(20);
      // The kill comes with an error, and a moment later with the word that it was one.
      for (let waited = 0; !signal.aborted && waited < 30_000; waited += 20) await sleep(20);
      if (!signal.aborted) throw error;
    }
  }
}

async function settled(
  berth: Berth,
  client: KubeClient,
  { traces, data, where }: { traces: NodeTraces; data: ReturnType<typeof readData>; where: string },
) {
  let problems: string[] = [];
  let cluster = await readCluster(client);
  const check = async () => {
    cluster = await readCluster(client);
    problems = unsettled(cluster);
    if (problems.length > 0) return false;
    const { volumes, badMounts } = await askCsictl(berth);
    problems = [...badMounts, ...differences(cluster, traces, volumes)];
    return problems.length === 0;
  };
  await eventually(check, { timeoutMs: 120_000 }).catch(() => undefined);
  if (problems.length > 0) {
    const ending = cluster.pods.filter(({ metadata }) => metadata.deletionTimestamp);
    console.log(ending.map((pod) => JSON.stringify({ metadata: pod.metadata, status: pod.status })).join('\n'));
    console.log(
      ending.flatMap((pod) => traces.all().filter((line) => line.includes(pod.metadata.uid ?? '?'))).join('\n'),
    );
    console.log(berth.log.slice(-20_000));
  }
  expect(problems, where).toEqual([]);
  const now = readData(cluster, traces);
  for (const [volume, { first, starts }] of now) {
    const then = data.get(volume);
    if (!then) continue;
    expect(first, where).toBe(then.first);
    expect(starts, where).toBeGreaterThanOrEqual(then.starts);
  }
  return now;
}
