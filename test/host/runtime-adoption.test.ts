import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@berth/kit';
import { linuxMounter } from '@berth/linux';
import { expect, test } from 'vitest';
import { cgroupProcesses, detectCgroups, removeCgroup } from '../../orchestrator/src/runtime/cgroups.ts';
import { killUntilGone, processesNaming } from '../../orchestrator/src/runtime/processes-naming.ts';
import { StateLayout } from '../../orchestrator/src/runtime/state-layout.ts';
import {
  aContainer,
  aSandbox,
  ended,
  execText,
  logLines,
  type RuntimeHarness,
  rangeOf,
  runContainer,
  runtimeDirectory,
  runtimeHarness,
  startTestRuntime,
} from '../harness/runtime-harness.ts';
import { runtimeProcess } from '../harness/runtime-process.ts';

/** Everything of a state directory that the machine shows. */
async function traces(stateDir: string): Promise<string[]> {
  const { identity } = new StateLayout(stateDir);
  const mounts = linuxMounter.mounts().map(({ mountPoint }) => mountPoint);
  const processes = await Promise.all(
    (await readdir('/proc'))
      .filter((name) => /^\d+$/.test(name))
      .map(async (pid) => {
        const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
        return command.includes(`${stateDir}/`) && command.includes('conmon') ? `process ${command}` : '';
      }),
  );
  const rules = execFileSync('iptables-save', { encoding: 'utf8' }).split('\n');
  const cgroups = [...(await readdir('/sys/fs/cgroup')), ''].map((name) =>
    join('/sys/fs/cgroup', name, identity.cgroupRoot),
  );
  return [
    ...mounts.filter((path) => path.startsWith(`${stateDir}/`)),
    ...processes.filter((line) => line !== ''),
    ...rules.filter((rule) => rule.includes(identity.tag)),
    ...cgroups.filter((path) => existsSync(path)),
    ...(existsSync(`/sys/class/net/${identity.bridge}`) ? [identity.bridge] : []),
    ...(existsSync(stateDir) ? [stateDir] : []),
  ];
}

const running = `const { podSandboxId, containerId } = await harness.runContainer(h, 'web-0', ['sh', '-c', 'n=0; while true; do n=$((n+1)); echo $n; sleep 0.05; done']);
  const short = await harness.runContainer(h, 'short', ['sh', '-c', 'while [ ! -e /dev/shm/go ]; do sleep 0.02; done; exit 9']);
  const { info } = await h.runtime.runtime.ContainerStatus({ containerId, verbose: true });
  return { podSandboxId, containerId, short, pid: JSON.parse(info.info).pid };`;

interface Started {
  podSandboxId: string;
  containerId: string;
  short: { podSandboxId: string; containerId: string };
  pid: number;
}

test('after kill -9 containers run on with the same pid and are adopted, and ends in between are known', async () => {
  await using place = await runtimeDirectory();
  const { directory, image, stateDir } = place;
  const process = await runtimeProcess(directory, image, running);
  const { podSandboxId, containerId, short, pid } = process.answer as Started;
  await process.kill();
  await writeFile(join(new StateLayout(stateDir).shm(short.podSandboxId), 'go'), '');
  await expect.poll(() => existsSync(join(stateDir, 'exits', short.containerId))).toBe(true);
  await using runtime = await startTestRuntime(directory, image);
  const h = { directory, stateDir, logs: join(directory, 'logs'), image, runtime } as unknown as RuntimeHarness;
  const { status, info } = await runtime.runtime.ContainerStatus({ containerId, verbose: true });
  expect(status?.state).toBe('CONTAINER_RUNNING');
  expect(JSON.parse(info['info']!)).toMatchObject({ pid });
  expect(await ended(h, short.containerId)).toMatchObject({ exitCode: 9, reason: 'Error' });
  const sandbox = await runtime.runtime.PodSandboxStatus({ podSandboxId });
  expect(sandbox.status?.state).toBe('SANDBOX_READY');
  expect(await execText(h, containerId, ['ip', '-4', 'addr', 'show', 'eth0'])).toContain(sandbox.status?.network?.ip);
  const lines = await logLines(h, 'web-0');
  await expect.poll(async () => (await logLines(h, 'web-0')).length).toBeGreaterThan(lines.length);
  await expect(runtime.runtime.RunPodSandbox({ config: aSandbox(h, 'web-0') })).rejects.toMatchObject({
    code: 'ALREADY_EXISTS',
  });
  await runtime.runtime.StopContainer({ containerId, timeout: '0' });
  expect(await ended(h, containerId)).toMatchObject({ exitCode: 137 });
  await runtime.runtime.RemovePodSandbox({ podSandboxId });
  await place.cleanUp();
  expect(await traces(stateDir)).toEqual([]);
});

test('a start frees the addresses of sandboxes that are not there, also one that was taken for nobody yet', async () => {
  await using h = await runtimeHarness();
  const folder = join(h.stateDir, 'cni', `berth-${new StateLayout(h.stateDir).identity.tag}`);
  const addresses = async () => (await readdir(folder)).filter((name) => /^\d/.test(name));
  const { podSandboxId } = await h.runtime.runtime.RunPodSandbox({ config: aSandbox(h, 'web-0') });
  const taken = await addresses();
  await h.runtime[Symbol.asyncDispose]();
  const other = (last: number) => join(folder, `${rangeOf(h.directory)}.${last}`);
  await Promise.all([writeFile(other(200), ''), writeFile(other(201), 'nobody\r\neth0')]);
  h.runtime = await startTestRuntime(h.directory, h.image);
  expect(await addresses()).toEqual(taken);
  await h.runtime.runtime.RemovePodSandbox({ podSandboxId });
  expect(await addresses()).toEqual([]);
});

test('kill -9 at any moment of pod creation leaves nothing half-made after the next start', async () => {
  await using place = await runtimeDirectory();
  const { directory, image, stateDir } = place;
  for (let round = 0; round < 12; round++) {
    const afterMs = 10 + round * 12;
    const process = await runtimeProcess(
      directory,
      image,
      `for (const n of [1, 2, 3]) void harness.runContainer(h, 'pod-${round}-' + n, ['sleep', '1000']).catch(() => undefined);
       await new Promise((resolve) => setTimeout(resolve, ${afterMs}));`,
    );
    await process.kill();
    await using runtime = await startTestRuntime(directory, image);
    const [{ items }, { containers }] = await Promise.all([
      runtime.runtime.ListPodSandbox({}),
      runtime.runtime.ListContainers({}),
    ]);
    expect((await readdir(join(stateDir, 'sandboxes'))).sort()).toEqual(items.map(({ id }) => id).sort());
    expect((await readdir(join(stateDir, 'containers'))).sort()).toEqual(containers.map(({ id }) => id).sort());
    expect(
      (await readdir(join(stateDir, 'oci'))).every((id) => containers.some((container) => container.id === id)),
    ).toBe(true);
    for (const container of containers) {
      expect(['CONTAINER_CREATED', 'CONTAINER_RUNNING']).toContain(container.state);
      const { stdout } =
        container.state === 'CONTAINER_RUNNING'
          ? await runtime.runtime.ExecSync({ containerId: container.id, cmd: ['hostname'] })
          : { stdout: Buffer.from('pod-') };
      expect(Buffer.from(stdout).toString()).toMatch(/^pod-/);
    }
    for (const { id } of items) await runtime.runtime.RemovePodSandbox({ podSandboxId: id });
    expect(await readdir(join(stateDir, 'cni', `berth-${new StateLayout(stateDir).identity.tag}`))).toSatisfy(
      (names: string[]) => names.every((name) => !/^\d/.test(name)),
    );
  }
  await place.cleanUp();
  expect(await traces(stateDir)).toEqual([]);
});

test('a container whose monitor was killed with it is found ended', async () => {
  await using h = await runtimeHarness();
  const { containerId } = await runContainer(h, 'lost', ['sleep', '1000']);
  const { conmon, process: first } = JSON.parse(
    await readFile(join(h.stateDir, 'containers', containerId, 'container.json'), 'utf8'),
  ) as { conmon: { pid: number }; process: { pid: number } };
  process.kill(conmon.pid, 'SIGKILL');
  process.kill(first.pid, 'SIGKILL');
  await expect
    .poll(async () => (await h.runtime.runtime.ContainerStatus({ containerId })).status?.state)
    .toBe('CONTAINER_EXITED');
});

test('cleanup removes running pods, published ports and shared PID namespaces without a readable record', async () => {
  await using h = await runtimeHarness();
  await runContainer(h, 'web-0', ['sleep', '1000'], {
    sandbox: {
      portMappings: [{ protocol: 'TCP', hostPort: 18_474, containerPort: 80 }],
      linux: { cgroupParent: '/kubepods/besteffort/pod1', securityContext: { namespaceOptions: { pid: 'POD' } } },
    },
    container: { linux: { securityContext: { namespaceOptions: { pid: 'POD' } } } },
  });
  const { podSandboxId } = await h.runtime.runtime.RunPodSandbox({ config: aSandbox(h, 'second') });
  await h.runtime.runtime.CreateContainer({
    podSandboxId,
    config: aContainer('main', ['sleep', '5']),
    sandboxConfig: aSandbox(h, 'second'),
  });
  for (const kind of ['sandboxes', 'containers']) {
    for (const id of await readdir(join(h.stateDir, kind))) {
      await writeFile(join(h.stateDir, kind, id, `${kind === 'sandboxes' ? 'sandbox' : 'container'}.json`), '{"id":');
    }
  }
  expect(await traces(h.stateDir)).not.toEqual([]);
  const { bridge } = new StateLayout(h.stateDir).identity;
  const links = await readdir(`/sys/class/net/${bridge}/brif`);
  expect(links).toHaveLength(2);
  await h.runtime[Symbol.asyncDispose]();
  await h.cleanUp();
  expect(await traces(h.stateDir)).toEqual([]);
  expect((await readdir('/sys/class/net')).filter((name) => links.includes(name))).toEqual([]);
});

test('after the machine was started anew, containers are known as ended, sandboxes as not ready, and both can be removed', async () => {
  await using h = await runtimeHarness();
  const { podSandboxId, containerId } = await runContainer(h, 'web-0', ['sleep', '1000']);
  await h.runtime[Symbol.asyncDispose]();
  await powerCut(h.stateDir);
  h.runtime = await startTestRuntime(h.directory, h.image);
  const { runtime } = h.runtime;
  const { status } = await runtime.ContainerStatus({ containerId });
  expect(status).toMatchObject({ state: 'CONTAINER_EXITED', exitCode: 255, reason: 'Unknown' });
  const sandbox = await runtime.PodSandboxStatus({ podSandboxId });
  expect(sandbox.status).toMatchObject({ state: 'SANDBOX_NOTREADY', network: { ip: '' } });
  const config = {
    ...aSandbox(h, 'web-0'),
    metadata: { name: 'web-0', namespace: 'default', uid: 'uid-web-0', attempt: 1 },
  };
  const again = await runtime.RunPodSandbox({ config });
  expect((await runtime.PodSandboxStatus(again)).status?.network?.ip).toContain(`${rangeOf(h.directory)}.`);
  await runtime.RemovePodSandbox({ podSandboxId });
  expect((await runtime.ListPodSandbox({})).items.map(({ id }) => id)).toEqual([again.podSandboxId]);
  expect((await runtime.ListContainers({})).containers).toEqual([]);
});

/** What a new boot leaves of a state directory: files alone, of an earlier boot id. */
async function powerCut(stateDir: string): Promise<void> {
  const { identity } = new StateLayout(stateDir);
  const cgroups = detectCgroups();
  await killUntilGone(systemClock, 5000, async () => [
    ...processesNaming(`${stateDir}/`),
    ...(await cgroupProcesses(cgroups, identity.cgroupRoot)),
  ]);
  for (const { mountPoint } of linuxMounter.mounts().toReversed()) {
    if (mountPoint.startsWith(`${stateDir}/`)) linuxMounter.unmount(mountPoint, { lazy: true });
  }
  execFileSync('ip', ['link', 'del', identity.bridge]);
  await removeCgroup(cgroups, identity.cgroupRoot);
  for (const [kind, file] of [
    ['sandboxes', 'sandbox.json'],
    ['containers', 'container.json'],
  ] as const) {
    for (const id of await readdir(join(stateDir, kind))) {
      const path = join(stateDir, kind, id, file);
      const record = JSON.parse(await readFile(path, 'utf8')) as object;
      await writeFile(path, JSON.stringify({ ...record, bootId: 'an-earlier-boot' }));
    }
  }
}

test('a start that was announced but did not happen can be made after the restart, one that happened is adopted', async () => {
  await using h = await runtimeHarness();
  const { podSandboxId, containerId } = await runContainer(h, 'started', ['sleep', '1000']);
  const config = aSandbox(h, 'started');
  const waiting = await h.runtime.runtime.CreateContainer({
    podSandboxId,
    config: aContainer('waiting', ['sleep', '1001']),
    sandboxConfig: config,
  });
  await h.runtime[Symbol.asyncDispose]();
  const path = join(h.stateDir, 'containers', waiting.containerId, 'container.json');
  const record = JSON.parse(await readFile(path, 'utf8')) as object;
  const fifo = join(h.stateDir, 'oci', waiting.containerId, 'exec.fifo');
  // As a start leaves it before it announces itself.
  if (existsSync(fifo)) await utimes(fifo, 0, 0);
  await writeFile(path, JSON.stringify({ ...record, state: 'running', startedAtMs: 1 }));
  h.runtime = await startTestRuntime(h.directory, h.image);
  const state = async (id: string) => (await h.runtime.runtime.ContainerStatus({ containerId: id })).status?.state;
  expect([await state(containerId), await state(waiting.containerId)]).toEqual([
    'CONTAINER_RUNNING',
    'CONTAINER_CREATED',
  ]);
  await h.runtime.runtime.StartContainer(waiting);
  expect(await execText(h, waiting.containerId, ['cat', '/proc/1/cmdline'])).toBe('sleep\x001001\x00');
});
