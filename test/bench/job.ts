import { cpus } from 'node:os';
import { join } from 'node:path';
import { httpTransport, KubeClient, loadKubeconfig } from '@berth/kube';
import { Berth, eventually, sleep } from '../harness/berth.ts';
import { cpuSeconds, memoryMb, processesOf } from './process-cost.ts';
import { ClaimBinder, deleteClaims, deleteSet, getsPerSecond, prepare, publishPairs, runSet } from './scenarios.ts';
import { median, ms, type Table } from './table.ts';

/** The first claims of a process pay for the compiler; a server in use has long seen as many. They have a row of their own. */
const claimsBefore = 250;
const claimsAlone = 250;

/** Two seconds after its last work a process gives memory back, at most every twenty; V8 keeps free pages for eight. */
const untilRestMs = 35_000;

/** What twenty pods leave to clear away once the API forgot them. */
const untilClearedMs = 5000;

/** What the main job costs: one berth of its own, real kernel, real sockets. */
export async function benchJob(table: Table, rounds: number): Promise<void> {
  const record = table.record.bind(table);
  await using berth = await Berth.start();
  const starts: number[] = [];
  for (let i = 0; i < rounds; i++) {
    await berth.stop();
    starts.push((await berth.up()).startedInMs);
  }
  record('ready from a warm data directory', '≤ 1000 ms', '4200 ms', ms(starts));

  await eventually(
    async () =>
      (await berth.command('berth', ['image', 'list', '--data-dir', berth.dataDir])).stdout.includes(
        'berth.local/tools',
      ),
    { what: 'the tools image' },
  );
  using transport = httpTransport((await loadKubeconfig(berth.ready.kubeconfig)).transport);
  const client = new KubeClient(transport);
  await prepare(client);
  {
    await using binder = await ClaimBinder.open(client);
    await binder.bind(['warm-up']);
    const single: number[] = [];
    for (let i = 0; i < claimsBefore + claimsAlone; i++) single.push(await binder.bind([`one-${i}`]));
    record('claim → Bound, one at a time, p50', '≤ 10 ms', '23–47 ms (397 default)', ms(single.slice(claimsBefore)));
    record(`the same, the first ${claimsBefore} claims of a new process`, '–', '–', ms(single.slice(0, claimsBefore)));
  }

  const gets: number[] = [];
  for (let i = 0; i < rounds; i++) gets.push(await getsPerSecond(client, 2000));
  record('GET of a namespace, one after the other', '–', '–', `${median(gets).toFixed(0)} /s`);
  await deleteClaims(client);

  const hundred: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await using binder = await ClaimBinder.open(client);
    hundred.push(await binder.bind(Array.from({ length: 100 }, (_, i) => `many-${round}-${i}`)));
    await deleteClaims(client);
  }
  record('100 claims at once → all Bound', '≤ 800 ms', '1900–3500 ms (23600 default)', ms(hundred));

  const one: number[] = [];
  for (let i = 0; i < rounds; i++) {
    one.push(await runSet(client, `solo-${i}`, 1));
    await deleteSet(client, `solo-${i}`);
  }
  record('StatefulSet of 1 with a new claim → Running', '≤ 300 ms', '700 ms', ms(one));

  const twenty: number[] = [];
  for (let i = 0; i < Math.min(rounds, 3); i++) {
    twenty.push(await runSet(client, `crowd-${i}`, 20));
    if (i < Math.min(rounds, 3) - 1) await deleteSet(client, `crowd-${i}`);
  }
  record('20 replicas Parallel → all Running', '≤ 2500 ms', '5100 ms (17000–20000 default)', ms(twenty));

  const own = () => processesOf(berth.ready.pid, berth.dataDir);
  const reference = '674 MB idle, 1298 MB after load';
  record('memory of all processes right after that (PSS)', '–', reference, memoryOf(own()));
  await sleep(untilRestMs);
  record('memory of all processes at rest after that (PSS)', '≤ 200 MB', reference, memoryOf(own()));
  const before = cpuSeconds(own());
  await sleep(20_000);
  const idle = ((cpuSeconds(own()) - before) / 20 / cpus().length) * 100;
  record('idle with 20 pods, share of the machine', '≤ 1 %', '4.5 %', `${idle.toFixed(2)} %`);
  await deleteSet(client, `crowd-${Math.min(rounds, 3) - 1}`);
  await sleep(untilClearedMs);

  const socket = join(berth.dataDir, 'nodes/node-1/csi/csi.berth.local/csi.sock');
  const pairs: number[] = [];
  for (let i = 0; i < rounds; i++)
    pairs.push(await publishPairs(socket, join(berth.dataDir, 'bench'), { inFlight: 16, pairs: 2000 }));
  record(
    'publish + unpublish through the socket, 16 in flight',
    '≥ 1000 pairs/s',
    'about 50 pairs/s',
    `${median(pairs).toFixed(0)} pairs/s`,
  );
}

function memoryOf(pids: readonly number[]): string {
  const memory = [...memoryMb(pids)].filter(([, mb]) => mb >= 1);
  const each = memory.map(([program, mb]) => `${program} ${mb.toFixed(0)}`).join(', ');
  return `${memory.reduce((sum, [, mb]) => sum + mb, 0).toFixed(0)} MB (${each})`;
}
