import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRng, silentLogger, systemClock } from '@berth/kit';
import { KubeClient, resources, startInformers } from '@berth/kube';
import { expect, test } from 'vitest';
import { startPersistentVolumeController } from '../../orchestrator/src/controllers/volume/start-persistent-volume-controller.ts';
import { startProtectionControllers } from '../../orchestrator/src/controllers/volume/start-protection-controllers.ts';
import { dist, nodeFlags } from '../harness/berth.ts';
import { FakeApi } from '../harness/fake-api.ts';
import { FakeEvents } from '../harness/fake-recorder.ts';
import { serveFakeApi } from '../harness/http-fake-api.ts';
import { aClaim, aClass } from '../harness/storage-builders.ts';

const { persistentvolumeclaims: claims, persistentvolumes: volumes } = resources;

/** The real provisioner and the real CSI driver as processes; the API server in memory, over HTTP. */
async function start() {
  const stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'berth-alone-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const api = new FakeApi();
  const { url } = stack.use(await serveFakeApi(api));
  const kubeconfig = join(directory, 'kubeconfig');
  await writeFile(kubeconfig, kubeconfigFor(url));
  const socket = join(directory, 'csi.sock');
  const run = (program: string, args: readonly string[]) => stack.use(startProgram(program, args));
  const driver = () =>
    run('csi-driver', ['--endpoint', `unix://${socket}`, '--node-id', 'n1', '--pool', join(directory, 'pool')]);
  const provisioner = (...more: string[]) =>
    run('provisioner', [
      '--csi-address',
      socket,
      '--kubeconfig',
      kubeconfig,
      '--journal-dir',
      join(directory, 'journal'),
      ...more,
    ]);
  const controller = new AbortController();
  stack.defer(() => controller.abort());
  const client = new KubeClient(api);
  const log = silentLogger;
  const informers = stack.use(startInformers(client, { clock: systemClock, log }, controller.signal));
  const recorder = new FakeEvents().recorder;
  const deps = { client, informers, clock: systemClock, rng: seededRng(1), log, recorder };
  stack.use(startPersistentVolumeController(deps, controller.signal));
  stack.use(startProtectionControllers(deps, controller.signal));
  await client.create(resources.nodes, { metadata: { name: 'n1', labels: { 'topology.csi.berth.local/node': 'n1' } } });
  await client.create(resources.storageclasses, aClass('csi-hostpath-sc', { provisioner: 'csi.berth.local' }));
  return { api, client, directory, driver, provisioner, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

function kubeconfigFor(server: string): string {
  return JSON.stringify({
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'c' } }],
    clusters: [{ name: 'c', cluster: { server } }],
  });
}

function startProgram(program: string, args: readonly string[]) {
  const child = spawn(process.execPath, [...nodeFlags, dist(program), ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return {
    child,
    [Symbol.asyncDispose]: () => end(child, 'SIGTERM'),
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await ended;
}

async function until(condition: () => boolean | Promise<boolean>, limitMs = 60_000): Promise<void> {
  for (const startedMs = systemClock.now(); systemClock.now() - startedMs < limitMs; ) {
    if (await condition()) return;
    await systemClock.sleep(5);
  }
  throw new Error(`still not so after ${limitMs} ms: ${condition}`);
}

test('provisioner and csi-driver, each alone, serve claims of any API server', async () => {
  await using world = await start();
  world.provisioner('--leader-election', '--attacher', '--http-endpoint', '127.0.0.1:0');
  world.driver();
  for (let i = 0; i < 10; i++) await world.client.create(claims, aClaim(`c${i}`));
  await until(() => world.api.all(claims).every(({ status }) => status?.phase === 'Bound'));
  expect(world.api.all(volumes)).toHaveLength(10);
  for (let i = 0; i < 10; i++) await world.client.delete(claims, { namespace: 'NS', name: `c${i}` });
  await until(() => world.api.all(volumes).length === 0);
  expect(world.api.all(resources.leases).map(({ metadata }) => metadata.name)).toEqual([
    'external-provisioner-leader-csi-berth-local',
  ]);
});

test('a provisioner killed at random moments makes no volume twice and leaves none behind', async () => {
  await using world = await start();
  world.driver();
  const rng = seededRng(42);
  for (let round = 0; round < 5; round++) {
    const { child } = world.provisioner('--http-endpoint', '127.0.0.1:0');
    for (let i = 0; i < 10; i++) await world.client.create(claims, aClaim(`c${round}-${i}`));
    // From the middle of the first calls to well after the last one.
    const enough = world.api.writes.length + 10 + Math.floor(rng.next() * 60);
    await until(() => world.api.writes.length >= enough);
    await end(child, 'SIGKILL');
    for (let i = 0; i < 5; i++) await world.client.delete(claims, { namespace: 'NS', name: `c${round}-${i}` });
  }
  world.provisioner('--http-endpoint', '127.0.0.1:0');
  await until(() => world.api.all(claims).every(({ status }) => status?.phase === 'Bound'));
  await until(() => world.api.all(volumes).length === 25);
  await until(async () => (await volumesOnDisk(world.directory)) === 25);
  const handles = world.api.all(volumes).map(({ spec }) => spec?.csi?.volumeHandle);
  expect(new Set(handles).size).toBe(25);
});

async function volumesOnDisk(directory: string): Promise<number> {
  return (await readdir(join(directory, 'pool', 'volumes'))).length;
}
