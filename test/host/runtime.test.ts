import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { linuxMounter } from '@berth/linux';
import { expect, test } from 'vitest';
import { childrenOf, identifyProcess } from '../../orchestrator/src/runtime/process-id.ts';
import {
  aContainer,
  aSandbox,
  aSecurityContext,
  ended,
  execText,
  logLines,
  rangeOf,
  runContainer,
  runtimeHarness,
} from '../harness/runtime-harness.ts';

test('a container logs in CRI format and ends with its exit code', async () => {
  await using h = await runtimeHarness();
  const { podSandboxId, containerId } = await runContainer(h, 'web-0', ['sh', '-c', 'echo out; echo err >&2; exit 3']);
  const status = await ended(h, containerId);
  expect(status).toMatchObject({ state: 'CONTAINER_EXITED', exitCode: 3, reason: 'Error' });
  expect(Number(status.finishedAt)).toBeGreaterThanOrEqual(Number(status.startedAt));
  expect(await logLines(h, 'web-0', 'stdout')).toEqual(['out']);
  expect(await logLines(h, 'web-0', 'stderr')).toEqual(['err']);
  const sandbox = await h.runtime.runtime.PodSandboxStatus({ podSandboxId });
  expect(sandbox.status?.state).toBe('SANDBOX_READY');
  expect(sandbox.status?.network?.ip).toContain(`${rangeOf(h.directory)}.`);
});

test('a container sees its own hostname, resolv.conf, processes and address, and shares /dev/shm with its pod', async () => {
  await using h = await runtimeHarness();
  const { podSandboxId, containerId } = await runContainer(h, 'web-0', ['sleep', '100']);
  const { status } = await h.runtime.runtime.PodSandboxStatus({ podSandboxId });
  expect(await execText(h, containerId, ['hostname'])).toBe('web-0');
  expect(await execText(h, containerId, ['cat', '/etc/resolv.conf'])).toBe(
    'search default.svc.cluster.local\nnameserver 10.0.0.10\noptions ndots:5',
  );
  expect(await execText(h, containerId, ['cat', '/proc/1/cmdline'])).toBe('sleep\x00100\x00');
  expect(await execText(h, containerId, ['ip', '-4', 'addr', 'show', 'eth0'])).toContain(status?.network?.ip);
  expect(await execText(h, containerId, ['sh', '-c', 'echo $FROM_IMAGE $HOSTNAME'])).toBe('yes web-0');
  const config = aSandbox(h, 'web-0');
  const side = await h.runtime.runtime.CreateContainer({
    podSandboxId,
    config: aContainer('side', ['sh', '-c', 'echo shared > /dev/shm/x; hostname; sleep 100']),
    sandboxConfig: config,
  });
  await h.runtime.runtime.StartContainer(side);
  await expect.poll(() => execText(h, containerId, ['cat', '/dev/shm/x'])).toBe('shared');
});

test('RunPodSandbox refuses a second sandbox of the same pod and attempt', async () => {
  await using h = await runtimeHarness();
  const config = aSandbox(h, 'web-0');
  const { podSandboxId } = await h.runtime.runtime.RunPodSandbox({ config });
  await expect(h.runtime.runtime.RunPodSandbox({ config })).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  await h.runtime.runtime.RemovePodSandbox({ podSandboxId });
  await h.runtime.runtime.RemovePodSandbox({ podSandboxId });
  const again = await h.runtime.runtime.RunPodSandbox({ config });
  expect(again.podSandboxId).not.toBe(podSandboxId);
});

test('StopContainer sends TERM, then KILL after the timeout', async () => {
  await using h = await runtimeHarness();
  const polite = await runContainer(h, 'polite', [
    'sh',
    '-c',
    'trap "exit 7" TERM; echo ready; while true; do sleep 0.1; done',
  ]);
  const deaf = await runContainer(h, 'deaf', ['sh', '-c', 'trap "" TERM; echo ready; while true; do sleep 0.1; done']);
  // Started is not yet trapped.
  for (const name of ['polite', 'deaf']) await expect.poll(() => logLines(h, name).catch(() => [])).toEqual(['ready']);
  await Promise.all([
    h.runtime.runtime.StopContainer({ containerId: polite.containerId, timeout: '10' }),
    h.runtime.runtime.StopContainer({ containerId: deaf.containerId, timeout: '1' }),
  ]);
  expect(await ended(h, polite.containerId)).toMatchObject({ exitCode: 7 });
  expect(await ended(h, deaf.containerId)).toMatchObject({ exitCode: 137, reason: 'Error' });
});

test('a container that takes more memory than its limit ends as OOMKilled', async () => {
  await using h = await runtimeHarness();
  const { containerId } = await runContainer(h, 'greedy', ['sh', '-c', 'x=$(yes | head -c 200000000); echo $x'], {
    container: { linux: { resources: { memoryLimitInBytes: String(32 * 1024 * 1024) } } },
  });
  expect(await ended(h, containerId)).toMatchObject({ reason: 'OOMKilled', exitCode: 137 });
});

test('limits, stats and UpdateContainerResources act on the container cgroup below the pod cgroup', async () => {
  await using h = await runtimeHarness();
  const resources = { cpuShares: '512', cpuQuota: '20000', cpuPeriod: '100000', memoryLimitInBytes: '67108864' };
  const { containerId } = await runContainer(h, 'limited', ['sleep', '100'], {
    sandbox: { linux: { cgroupParent: '/kubepods/poduid-limited', resources } },
    container: { linux: { resources } },
  });
  const { info } = await h.runtime.runtime.ContainerStatus({ containerId, verbose: true });
  const { cgroup } = JSON.parse(info['info']!) as { cgroup: string };
  expect(cgroup).toMatch(/^\/berth-[0-9a-f]{8}\/kubepods\/poduid-limited\/[0-9a-f]{64}$/);
  const limit = () => readFile(memoryLimitFile(cgroup), 'utf8').then((text) => text.trim());
  expect(await limit()).toBe('67108864');
  await h.runtime.runtime.UpdateContainerResources({
    containerId,
    linux: { ...resources, memoryLimitInBytes: '134217728' },
  });
  expect(await limit()).toBe('134217728');
  const { stats } = await h.runtime.runtime.ContainerStats({ containerId });
  expect(Number(stats?.memory?.workingSetBytes?.value)).toBeGreaterThan(0);
  expect(Number(stats?.cpu?.usageCoreNanoSeconds?.value)).toBeGreaterThan(0);
});

function memoryLimitFile(cgroup: string): string {
  const v1 = join('/sys/fs/cgroup/memory', cgroup, 'memory.limit_in_bytes');
  return existsSync(v1) ? v1 : join('/sys/fs/cgroup', cgroup, 'memory.max');
}

test('user, groups, capabilities and read-only root are as the security context says', async () => {
  await using h = await runtimeHarness();
  const { containerId } = await runContainer(h, 'secure', ['sleep', '100'], {
    container: aSecurityContext({
      runAsUser: { value: '1000' },
      supplementalGroups: ['2000'],
      readonlyRootfs: true,
      noNewPrivs: true,
      capabilities: { dropCapabilities: ['ALL'], addCapabilities: ['NET_BIND_SERVICE'] },
      seccomp: { profileType: 'RuntimeDefault' },
      maskedPaths: ['/proc/kcore'],
      readonlyPaths: ['/proc/sys'],
    }),
  });
  expect(await execText(h, containerId, ['id'])).toBe('uid=1000(web) gid=1001(web) groups=1001(web),1002(staff),2000');
  const status = await execText(h, containerId, ['cat', '/proc/1/status']);
  expect(status).toMatch(/CapBnd:\s*0000000000000400/);
  expect(status).toMatch(/CapEff:\s*0000000000000000/);
  expect(status).toMatch(/NoNewPrivs:\s*1/);
  expect(status).toMatch(/Seccomp:\s*2/);
  await expect(execText(h, containerId, ['touch', '/data/x'])).rejects.toThrow(/Read-only/);
  await expect(execText(h, containerId, ['sh', '-c', 'echo 1 > /proc/sys/kernel/sysrq'])).rejects.toThrow();
});

test('volumes are mounted read-write, read-only, over files, and never outside the root through a symlink of the image', async () => {
  await using h = await runtimeHarness();
  const volume = join(h.directory, 'volume');
  const outside = join(h.directory, 'outside');
  await Promise.all([mkdir(volume), mkdir(outside)]);
  await writeFile(join(volume, 'file'), 'hello');
  await chmod(volume, 0o777);
  await mkdir(join(h.image.layerDirs[0]!, outside), { recursive: true });
  await symlink(outside, join(h.image.layerDirs[0]!, 'escape'));
  await symlink('../../../../../../../..' + outside, join(h.image.layerDirs[0]!, 'climb'));
  const mount = (containerPath: string, more: object = {}) => ({ containerPath, hostPath: volume, ...more });
  const { containerId } = await runContainer(h, 'volumes', ['sleep', '100'], {
    container: {
      mounts: [
        mount('/data'),
        mount('/readonly', { readonly: true }),
        mount('/escape/inner'),
        mount('/climb/inner'),
        { containerPath: '/etc/hosts', hostPath: join(volume, 'file') },
      ],
    },
  });
  expect(await execText(h, containerId, ['cat', '/etc/hosts'])).toBe('hello');
  await execText(h, containerId, ['touch', '/data/written']);
  expect((await stat(join(volume, 'written'))).isFile()).toBe(true);
  await expect(execText(h, containerId, ['touch', '/readonly/x'])).rejects.toThrow(/Read-only/);
  expect(existsSync(join(outside, 'inner'))).toBe(false);
  expect(await execText(h, containerId, ['cat', `${outside}/inner/file`])).toBe('hello');
});

test('a missing image, command or volume is a clear error and leaves nothing behind', async () => {
  await using h = await runtimeHarness();
  const { runtime } = h.runtime;
  const config = aSandbox(h, 'wrong');
  const { podSandboxId } = await runtime.RunPodSandbox({ config });
  const create = (more: object) =>
    runtime.CreateContainer({
      podSandboxId,
      sandboxConfig: config,
      config: { ...aContainer('main', ['sleep', '1']), ...more },
    });
  await expect(create({ image: { image: 'no/such' } })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(create({ command: ['/no/such/program'] })).rejects.toThrow(/no such file or directory/i);
  await expect(create({ logPath: '../../escape.log' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  await expect(create({ mounts: [{ containerPath: '/x', hostPath: '/no/such' }] })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
  await expect(create(aSecurityContext({ runAsUsername: 'nobody-here' }))).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
  expect((await runtime.ListContainers({})).containers).toEqual([]);
  const { containerId } = await create({});
  await expect(create({})).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  await runtime.StartContainer({ containerId });
  await expect(runtime.StartContainer({ containerId })).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
});

test('ExecSync kills the command after its timeout and cuts its output at 16 KiB', async () => {
  await using h = await runtimeHarness();
  const { runtime } = h.runtime;
  const { containerId } = await runContainer(h, 'probed', ['sleep', '100']);
  await expect(runtime.ExecSync({ containerId, cmd: ['sleep', '55'], timeout: '1' })).rejects.toMatchObject({
    code: 'DEADLINE_EXCEEDED',
  });
  // Who was killed goes in the kernel's own time.
  await expect.poll(() => execText(h, containerId, ['ps'])).not.toContain('sleep 55');
  const forking = runtime.ExecSync({ containerId, cmd: ['sh', '-c', 'sleep 30 & sleep 56'], timeout: '1' });
  await expect(forking).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  const { stdout, exitCode } = await runtime.ExecSync({
    containerId,
    cmd: ['sh', '-c', 'yes | head -c 100000; exit 4'],
  });
  expect([stdout.length, exitCode]).toEqual([16 * 1024, 4]);
});

/** Whether one of them has a number in a namespace of processes below ours (proc_pid_status(5)). */
function hasDescendantInside(pid: number): boolean {
  return childrenOf(pid).some((child) => isInside(child) || hasDescendantInside(child));
}

function isInside(pid: number): boolean {
  try {
    return /^NSpid:\s+\d+\s+\d/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

test('an exec that is given up before the command has begun leaves none behind', async () => {
  await using h = await runtimeHarness();
  const { containerId } = await runContainer(h, 'brief', ['sleep', '1000']);
  for (let i = 0; i < 20; i++) {
    const stop = new AbortController();
    const exec = h.runtime.streams.exec(containerId, ['sleep', '577'], { tty: false }, stop.signal);
    const givenUp = expect(exec).rejects.toMatchObject({ name: 'AbortError' });
    // What will be the command is there, and the OCI runtime has not said its pid yet.
    while (!hasDescendantInside(process.pid)) await setImmediate();
    stop.abort();
    await givenUp;
  }
  await expect.poll(() => execText(h, containerId, ['ps'])).not.toContain('sleep 577');
});

function collector(): { stream: Writable; text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _, done) => {
      chunks.push(chunk);
      done();
    },
  });
  return { stream, text: () => Buffer.concat(chunks).toString() };
}

/** What the command has answered by now; it is asked again with every look. */
function typed(stdin: Writable, line: string, { text }: { text: () => string }): string {
  stdin.write(line);
  return text();
}

test('exec streams stdin, stdout and stderr and answers the exit code', async () => {
  await using h = await runtimeHarness();
  const { containerId } = await runContainer(h, 'exec', ['sleep', '100']);
  const [stdin, stdout, stderr] = [new PassThrough(), collector(), collector()];
  const streams = { stdin, stdout: stdout.stream, stderr: stderr.stream, tty: false };
  const code = h.runtime.streams.exec(
    containerId,
    ['sh', '-c', 'cat; echo e >&2; exit 5'],
    streams,
    AbortSignal.timeout(60_000),
  );
  stdin.end('x'.repeat(300_000));
  expect(await code).toBe(5);
  expect(stdout.text()).toBe('x'.repeat(300_000));
  expect(stderr.text()).toBe('e\n');
});

test('exec with a terminal echoes, knows its size, follows resizes, and ends when aborted', async () => {
  await using h = await runtimeHarness();
  const { containerId } = await runContainer(h, 'tty', ['sleep', '100']);
  const [stdin, stdout] = [new PassThrough(), collector()];
  const resized = Promise.withResolvers<void>();
  const resizes = (async function* () {
    yield { width: 100, height: 40 };
    await resized.promise;
    yield { width: 123, height: 45 };
  })();
  const streams = { stdin, stdout: stdout.stream, tty: true, resizes };
  const code = h.runtime.streams.exec(containerId, ['sh'], streams, AbortSignal.timeout(60_000));
  await expect
    .poll(() => typed(stdin, 'tty; stty size\n', stdout), { interval: 100 })
    .toMatch(/\/dev\/(pts\/\d|console)[\s\S]*40 100/);
  resized.resolve();
  await expect.poll(() => typed(stdin, 'stty size\n', stdout), { interval: 100 }).toContain('45 123');
  stdin.write('exit 9\n');
  expect(await code).toBe(9);
  const abort = new AbortController();
  const stuck = h.runtime.streams.exec(
    containerId,
    ['sleep', '77'],
    { stdout: stdout.stream, tty: true },
    abort.signal,
  );
  await expect.poll(() => execText(h, containerId, ['ps'])).toContain('sleep 77');
  abort.abort();
  await expect(stuck).rejects.toThrow();
  await expect.poll(() => execText(h, containerId, ['ps'])).not.toContain('sleep 77');
});

test('attach reaches the stdin and output of the container', async () => {
  await using h = await runtimeHarness();
  const { containerId } = await runContainer(
    h,
    'attach',
    ['sh', '-c', 'while read x; do echo "got $x"; echo e >&2; done; exit 6'],
    {
      container: { stdin: true, stdinOnce: true },
    },
  );
  const [stdin, stdout, stderr] = [new PassThrough(), collector(), collector()];
  const streams = { stdin, stdout: stdout.stream, stderr: stderr.stream, tty: false };
  const attached = h.runtime.streams.attach(containerId, streams, AbortSignal.timeout(60_000));
  await expect.poll(() => typed(stdin, 'hello\n', stdout), { interval: 200 }).toContain('got hello\n');
  await expect.poll(stderr.text).toContain('e\n');
  stdin.end();
  await attached;
  expect(await ended(h, containerId)).toMatchObject({ exitCode: 6 });
});

test('attach ends with its stdin where that of the container stays open', async () => {
  await using h = await runtimeHarness();
  const { containerId } = await runContainer(h, 'open', ['sh', '-c', 'read x; echo $x > /tmp/x; cat'], {
    container: { stdin: true, stdinOnce: false },
  });
  const stdin = new PassThrough();
  const streams = { stdin, stdout: collector().stream, tty: false };
  stdin.end('hello\n');
  await h.runtime.streams.attach(containerId, streams, AbortSignal.timeout(60_000));
  await expect.poll(() => execText(h, containerId, ['cat', '/tmp/x']).catch(() => '')).toBe('hello');
  const { status } = await h.runtime.runtime.ContainerStatus({ containerId });
  expect(status?.state).toBe('CONTAINER_RUNNING');
});

test('attach to a terminal types into it and follows its size', async () => {
  await using h = await runtimeHarness();
  const { containerId } = await runContainer(h, 'console', ['sh'], { container: { stdin: true, tty: true } });
  const [stdin, stdout] = [new PassThrough(), collector()];
  const abort = new AbortController();
  const resizes = (async function* () {
    yield { width: 111, height: 33 };
  })();
  const attached = h.runtime.streams.attach(
    containerId,
    { stdin, stdout: stdout.stream, tty: true, resizes },
    abort.signal,
  );
  await expect.poll(() => typed(stdin, 'stty size\n', stdout), { interval: 100 }).toContain('33 111');
  abort.abort();
  await expect(attached).rejects.toThrow();
  const { status } = await h.runtime.runtime.ContainerStatus({ containerId });
  expect(status?.state).toBe('CONTAINER_RUNNING');
});

test('an image of 100 layers with long names becomes one root, the upper ones over the lower', async () => {
  await using h = await runtimeHarness();
  const layers = Array.from({ length: 100 }, (_, n) => join(h.directory, 'x'.repeat(60), `${n}:,`, 'data'));
  for (const [n, layer] of layers.entries()) {
    await mkdir(layer, { recursive: true });
    await writeFile(join(layer, 'which'), String(n));
  }
  (h.image.layerDirs as string[]).push(...layers.map((path) => join(path, '..')));
  const { containerId } = await runContainer(h, 'layers', ['sleep', '100']);
  expect(await execText(h, containerId, ['cat', '/data/which'])).toBe('99');
});

test('port-forward reaches a server on the loopback of the pod, and says when none listens', async () => {
  await using h = await runtimeHarness();
  const { podSandboxId, containerId } = await runContainer(h, 'server', [
    'sh',
    '-c',
    'echo page > /tmp/p; httpd -f -p 127.0.0.1:8080 -h /tmp',
  ]);
  const signal = AbortSignal.timeout(60_000);
  await expect
    .poll(() => execText(h, containerId, ['wget', '-qO-', 'http://127.0.0.1:8080/p']).catch(() => ''))
    .toBe('page');
  const stream = await h.runtime.streams.portForward(podSandboxId, 8080, signal);
  stream.write('GET /p HTTP/1.0\r\n\r\n');
  let answer = '';
  for await (const chunk of stream) answer += String(chunk);
  expect(answer).toMatch(/200 OK[\s\S]*page/);
  await expect(h.runtime.streams.portForward(podSandboxId, 81, signal)).rejects.toThrow(/ECONNREFUSED/);
});

test('pods reach each other and the node, and a host port leads to its pod', async () => {
  await using h = await runtimeHarness();
  const { runtime } = h.runtime;
  const server = await runContainer(h, 'server', ['sh', '-c', 'echo page > /tmp/p; httpd -f -p 8080 -h /tmp'], {
    sandbox: { portMappings: [{ protocol: 'TCP', hostPort: 18_473, containerPort: 8080 }] },
  });
  const client = await runContainer(h, 'client', ['sleep', '100']);
  const ip = (await runtime.PodSandboxStatus({ podSandboxId: server.podSandboxId })).status!.network!.ip;
  const get = (url: string) => execText(h, client.containerId, ['wget', '-qO-', url]).catch(String);
  await expect.poll(() => get(`http://${ip}:8080/p`)).toBe('page');
  expect(await fetch(`http://${ip}:8080/p`).then((answer) => answer.text())).toBe('page\n');
  expect(await get(`http://${rangeOf(h.directory)}.1:18473/p`)).toBe('page');
  const local = await fetch('http://127.0.0.1:18473/p', { signal: AbortSignal.timeout(60_000) });
  expect(await local.text()).toBe('page\n');
  await runtime.StopPodSandbox({ podSandboxId: server.podSandboxId });
  await expect(fetch('http://127.0.0.1:18473/p', { signal: AbortSignal.timeout(60_000) })).rejects.toThrow();
});

test('a host-network pod uses the node network and names, and a shared PID namespace shows all containers', async () => {
  await using h = await runtimeHarness();
  using listener = hostServer();
  const port = await listener.port;
  const { podSandboxId, containerId } = await runContainer(h, 'host', ['sleep', '101'], {
    sandbox: { linux: { securityContext: { namespaceOptions: { network: 'NODE', pid: 'POD' } } } },
    container: aSecurityContext({ namespaceOptions: { network: 'NODE', pid: 'POD' } }),
  });
  expect(await execText(h, containerId, ['sh', '-c', `echo | nc 127.0.0.1 ${port}`])).toBe('host');
  expect(await execText(h, containerId, ['ps'])).toMatch(/sleep infinity[\s\S]*sleep 101/);
  const { status } = await h.runtime.runtime.PodSandboxStatus({ podSandboxId });
  expect(status?.network?.ip).toBe('');
  await h.runtime.runtime.StopPodSandbox({ podSandboxId });
  expect(await ended(h, containerId)).toMatchObject({ exitCode: 137 });
});

test.each(['NODE', 'POD'] as const)(
  'what a container of a shared PID namespace (%s) leaves running ends with its first process',
  async (pid) => {
    await using h = await runtimeHarness();
    const namespaces = { namespaceOptions: { pid } };
    const { runtime } = h.runtime;
    const { podSandboxId, containerId } = await runContainer(h, 'left', ['sh', '-c', 'sleep 104 & exit 3'], {
      sandbox: { linux: { securityContext: namespaces } },
      container: aSecurityContext(namespaces),
    });
    expect(await ended(h, containerId)).toMatchObject({ exitCode: 3 });
    expect(processesOf(containerId)).toEqual([]);
    const waiting = ['sh', '-c', "trap 'exit 4' TERM; sleep 105 & wait"];
    const config = aContainer('next', waiting, aSecurityContext(namespaces));
    const next = await runtime.CreateContainer({ podSandboxId, config, sandboxConfig: aSandbox(h, 'left') });
    await runtime.StartContainer(next);
    await expect.poll(() => processesOf(next.containerId)).toHaveLength(2);
    await runtime.StopContainer({ ...next, timeout: '10' });
    expect(await ended(h, next.containerId)).toMatchObject({ exitCode: 4 });
    expect(processesOf(next.containerId)).toEqual([]);
  },
);

function processesOf(containerId: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return identifyProcess(Number(pid)) && readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(containerId);
    } catch {
      return false;
    }
  });
}

function hostServer(): { port: Promise<number> } & Disposable {
  const server = createServer((socket: Socket) => socket.end('host\n'));
  const port = new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)),
  );
  return { port, [Symbol.dispose]: () => server.close() };
}

test('a sandbox whose namespaces were unmounted, or whose shared PID namespace was ended, by others is not ready, and can be made anew', async () => {
  await using h = await runtimeHarness();
  const { runtime } = h.runtime;
  const state = async (podSandboxId: string) => (await runtime.PodSandboxStatus({ podSandboxId })).status?.state;
  for (const kind of ['net', 'ipc', 'uts']) {
    const { podSandboxId, containerId } = await runContainer(h, kind, ['sleep', '102']);
    expect(await state(podSandboxId)).toBe('SANDBOX_READY');
    linuxMounter.unmount(join(h.stateDir, 'sandboxes', podSandboxId, 'ns', kind));
    expect(await state(podSandboxId)).toBe('SANDBOX_NOTREADY');
    expect((await runtime.ContainerStatus({ containerId })).status?.state).toBe('CONTAINER_RUNNING');
    const config = aSandbox(h, kind);
    await expect(
      runtime.CreateContainer({ podSandboxId, config: aContainer('next', ['true']), sandboxConfig: config }),
    ).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await runtime.StopPodSandbox({ podSandboxId });
    const next = { metadata: { name: kind, namespace: 'default', uid: `uid-${kind}`, attempt: 1 } };
    const again = await runContainer(h, kind, ['true'], { sandbox: next });
    expect(await ended(h, again.containerId)).toMatchObject({ exitCode: 0 });
    expect(await state(again.podSandboxId)).toBe('SANDBOX_READY');
  }
  const { podSandboxId, containerId } = await runContainer(h, 'shared', ['sleep', '103'], {
    sandbox: { linux: { securityContext: { namespaceOptions: { pid: 'POD' } } } },
    container: aSecurityContext({ namespaceOptions: { pid: 'POD' } }),
  });
  expect(await state(podSandboxId)).toBe('SANDBOX_READY');
  const { pause } = JSON.parse(await readFile(join(h.stateDir, 'sandboxes', podSandboxId, 'sandbox.json'), 'utf8'));
  process.kill(pause.pid, 'SIGKILL');
  expect(await ended(h, containerId)).toMatchObject({ exitCode: 137 });
  await expect.poll(() => state(podSandboxId)).toBe('SANDBOX_NOTREADY');
});

test('ReopenContainerLog goes on in a new file after the old one was renamed', async () => {
  await using h = await runtimeHarness();
  const { containerId } = await runContainer(h, 'rotated', ['sh', '-c', 'while true; do echo tick; sleep 0.05; done']);
  const log = join(h.logs, 'rotated/main/0.log');
  await expect.poll(() => logLines(h, 'rotated')).toContain('tick');
  await rename(log, `${log}.1`);
  await h.runtime.runtime.ReopenContainerLog({ containerId });
  await expect.poll(() => logLines(h, 'rotated').catch(() => [])).toContain('tick');
});
