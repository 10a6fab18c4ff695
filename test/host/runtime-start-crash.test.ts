import { closeSync, constants, existsSync, openSync, statSync } from 'node:fs';
import { readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { detectCgroups } from '../../orchestrator/src/runtime/cgroups.ts';
import { findContainerPrograms } from '../../orchestrator/src/runtime/oci-runtime.ts';
import { sleep } from '../harness/berth.ts';
import { lifeOf } from '../harness/node-traces.ts';
import {
  aContainer,
  aSandbox,
  type RuntimeHarness,
  runtimeDirectory,
  runtimeHarness,
  startTestRuntime,
} from '../harness/runtime-harness.ts';
import { runtimeProcess } from '../harness/runtime-process.ts';

/** A sandbox with four containers that wait for their start. */
const fourWaiting = (round: number) => `
  const config = harness.aSandbox(h, 'pod-${round}');
  const { podSandboxId } = await h.runtime.runtime.RunPodSandbox({ config });
  const ids = [];
  for (const name of ['a', 'b', 'c', 'd']) {
    const container = harness.aContainer(name, ['sleep', '1000']);
    ids.push((await h.runtime.runtime.CreateContainer({ podSandboxId, config: container, sandboxConfig: config })).containerId);
  }`;

/** Kills a runtime so long after it began to `act` on four created containers, and tells what the next one has of them. */
async function killedAfter(
  { directory, image }: { directory: string; image: RuntimeHarness['image'] },
  { round, act, ms }: { round: number; act: 'RemoveContainer' | 'StartContainer'; ms: number },
) {
  const process = await runtimeProcess(
    directory,
    image,
    `${fourWaiting(round)}
     for (const containerId of ids) void h.runtime.runtime.${act}({ containerId });
     await new Promise((resolve) => setTimeout(resolve, ${ms}));`,
  );
  await process.kill();
  await using runtime = await startTestRuntime(directory, image);
  const { containers } = await runtime.runtime.ListContainers({});
  const { items } = await runtime.runtime.ListPodSandbox({});
  for (const { id } of items) await runtime.runtime.RemovePodSandbox({ podSandboxId: id });
  return containers.map(({ state }) => state);
}

test('kill -9 in the middle of a removal makes no ended container of one that never ran', async () => {
  await using place = await runtimeDirectory();
  for (const [round, ms] of [0, 3, 6, 9, 12, 15, 18, 22, 26].entries()) {
    const states = await killedAfter(place, { round, act: 'RemoveContainer', ms });
    expect(states.filter((state) => state !== 'CONTAINER_CREATED')).toEqual([]);
  }
});

test('kill -9 in the middle of a start leaves a container that waits for it or runs', async () => {
  await using place = await runtimeDirectory();
  for (const [round, ms] of [1.5, 2, 2.2, 2.4, 2.6, 2.8, 3, 3.5].entries()) {
    const states = await killedAfter(place, { round, act: 'StartContainer', ms });
    expect(states.filter((state) => state !== 'CONTAINER_CREATED' && state !== 'CONTAINER_RUNNING')).toEqual([]);
  }
});

async function created(h: RuntimeHarness, name = 'web-0') {
  const sandboxConfig = aSandbox(h, name);
  const { podSandboxId } = await h.runtime.runtime.RunPodSandbox({ config: sandboxConfig });
  const request = { podSandboxId, config: aContainer('main', ['sleep', '1000']), sandboxConfig };
  const { containerId } = await h.runtime.runtime.CreateContainer(request);
  const path = join(h.stateDir, 'containers', containerId, 'container.json');
  const record = JSON.parse(await readFile(path, 'utf8')) as { process: { pid: number } };
  const log = join(h.logs, name, 'main/0.log');
  return { containerId, request, path, record, log, fifo: join(h.stateDir, 'oci', containerId, 'exec.fifo') };
}

/** A created container whose first process was woken, and met nobody when it wrote: all that the kernel sees of such a crash. No runtime runs then. */
async function brokenOff(h: RuntimeHarness) {
  for (let n = 0; n < 20; n++) {
    const one = await created(h, `web-${n}`);
    const { fifo, record } = one;
    await h.runtime[Symbol.asyncDispose]();
    await utimes(fifo, 0, 0);
    const isWritten = () => statSync(fifo).mtimeMs !== 0;
    while (lifeOf(record.process.pid) && !isWritten()) {
      closeSync(openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK));
      await sleep(5);
    }
    if (!isWritten()) return one;
    // It was the quicker one, and runs.
    h.runtime = await startTestRuntime(h.directory, h.image);
    await h.runtime.runtime.RemovePodSandbox(one.request);
  }
  throw new Error('the first process always got its byte through');
}

test('a first process that was woken by a start which died before it read is no container that ended', async ({
  skip,
}) => {
  const { oci } = await findContainerPrograms(detectCgroups());
  if (oci.name !== 'runc') skip('crun is the one that starts here, in a process of its own');
  await using h = await runtimeHarness();
  const { request, path, record, log } = await brokenOff(h);
  await writeFile(path, JSON.stringify({ ...record, state: 'running', startedAtMs: 1 }));
  h.runtime = await startTestRuntime(h.directory, h.image);
  const { runtime } = h.runtime;
  expect((await runtime.ListContainers({})).containers).toEqual([]);
  expect(existsSync(log)).toBe(false);
  // The first attempt is free again.
  const again = await runtime.CreateContainer(request);
  await runtime.StartContainer(again);
  expect((await runtime.ContainerStatus(again)).status?.state).toBe('CONTAINER_RUNNING');
});

test('a container that died before it was started is gone after a restart, with the log of its attempt', async () => {
  await using h = await runtimeHarness();
  const { record, log } = await created(h);
  await h.runtime[Symbol.asyncDispose]();
  process.kill(record.process.pid, 'SIGKILL');
  await expect.poll(() => lifeOf(record.process.pid)).toBeUndefined();
  h.runtime = await startTestRuntime(h.directory, h.image);
  expect((await h.runtime.runtime.ListContainers({})).containers).toEqual([]);
  expect(existsSync(log)).toBe(false);
});
