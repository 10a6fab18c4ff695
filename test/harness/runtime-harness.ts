import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@berth/kit';
import { linuxMounter } from '@berth/linux';
import type { cri, Init } from '@berth/protos';
import { cleanupRuntime } from '../../orchestrator/src/runtime/cleanup-runtime.ts';
import { type EmbeddedRuntime, startEmbeddedRuntime } from '../../orchestrator/src/runtime/embedded-runtime.ts';
import type { ResolvedImage } from '../../orchestrator/src/runtime/image-source.ts';
import { busyboxImage, fixedImages } from './busybox-image.ts';
import { disown, own } from './owned-directory.ts';

export interface RuntimeHarness extends AsyncDisposable {
  readonly directory: string;
  readonly stateDir: string;
  readonly logs: string;
  readonly image: ResolvedImage;
  runtime: EmbeddedRuntime;
  cleanUp(): Promise<void>;
}

/** How addresses of a directory's pods begin: files of tests run beside each other, and the machine has one way to each range. */
export function rangeOf(directory: string): string {
  const [high = 0, low = 0] = createHash('sha256').update(directory).digest();
  return `10.${241 + (high % 14)}.${low}`;
}

export interface RuntimeDirectory extends AsyncDisposable {
  readonly directory: string;
  readonly stateDir: string;
  readonly image: ResolvedImage;
  cleanUp(): Promise<void>;
}

/** A directory for runtimes that come and go, with a busybox image; disposing it removes all traces of them. */
export async function runtimeDirectory(): Promise<RuntimeDirectory> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-runtime-ü-'));
  own(directory);
  const stateDir = join(directory, 'runtime');
  const cleanUp = () => cleanupRuntime({ stateDir, mounter: linuxMounter, clock: systemClock, log: silentLogger });
  return {
    ...{ directory, stateDir, cleanUp, image: await busyboxImage(directory) },
    [Symbol.asyncDispose]: async () => {
      await cleanUp();
      await rm(directory, { recursive: true, force: true });
      disown(directory);
    },
  };
}

/** A runtime in a directory of its own with a busybox image `test/busybox`; disposing it removes all its traces. */
export async function runtimeHarness(): Promise<RuntimeHarness> {
  const place = await runtimeDirectory();
  const { directory, stateDir, image } = place;
  const logs = join(directory, 'logs');
  await mkdir(logs);
  const harness: RuntimeHarness = {
    ...{ directory, stateDir, logs, image, cleanUp: place.cleanUp },
    runtime: await startTestRuntime(directory, image),
    [Symbol.asyncDispose]: async () => {
      await harness.runtime[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
  return harness;
}

export function startTestRuntime(directory: string, image: ResolvedImage): Promise<EmbeddedRuntime> {
  return startEmbeddedRuntime({
    stateDir: join(directory, 'runtime'),
    images: fixedImages({ 'test/busybox': image }),
    clock: systemClock,
    log: silentLogger,
    network: { subnet: `${rangeOf(directory)}.0/24` },
    signal: new AbortController().signal,
  });
}

/** A sandbox's config; `name` makes it a pod of its own. */
export function aSandbox(
  h: RuntimeHarness,
  name: string,
  more: Init<cri.PodSandboxConfig> = {},
): Init<cri.PodSandboxConfig> {
  return {
    metadata: { name, namespace: 'default', uid: `uid-${name}`, attempt: 0 },
    hostname: name,
    logDirectory: join(h.logs, name),
    dnsConfig: { servers: ['10.0.0.10'], searches: ['default.svc.cluster.local'], options: ['ndots:5'] },
    ...more,
  };
}

export function aContainer(
  name: string,
  command: readonly string[],
  more: Init<cri.ContainerConfig> = {},
): Init<cri.ContainerConfig> {
  return {
    metadata: { name, attempt: 0 },
    image: { image: 'test/busybox' },
    command: [...command],
    logPath: `${name}/0.log`,
    ...more,
  };
}

export function aSecurityContext(more: Init<cri.LinuxContainerSecurityContext>): Init<cri.ContainerConfig> {
  return { linux: { securityContext: more } };
}

/** Runs sandbox and container and returns their ids. */
export async function runContainer(
  h: RuntimeHarness,
  name: string,
  command: readonly string[],
  more: { sandbox?: Init<cri.PodSandboxConfig>; container?: Init<cri.ContainerConfig> } = {},
): Promise<{ podSandboxId: string; containerId: string }> {
  const { runtime } = h.runtime;
  const config = aSandbox(h, name, more.sandbox);
  const { podSandboxId } = await runtime.RunPodSandbox({ config });
  const container = aContainer('main', command, more.container);
  const { containerId } = await runtime.CreateContainer({ podSandboxId, config: container, sandboxConfig: config });
  await runtime.StartContainer({ containerId });
  return { podSandboxId, containerId };
}

/** The status once the container has ended. */
export async function ended(h: RuntimeHarness, containerId: string): Promise<cri.ContainerStatus> {
  const limit = AbortSignal.timeout(60_000);
  const events = h.runtime.runtime.GetContainerEvents({}, { signal: limit });
  const status = async () => (await h.runtime.runtime.ContainerStatus({ containerId })).status!;
  const first = await status();
  if (first.state === 'CONTAINER_EXITED') return first;
  for await (const event of events) {
    if (event.containerId === containerId && event.containerEventType === 'CONTAINER_STOPPED_EVENT') return status();
  }
  throw new Error(`container ${containerId} did not end within a minute`);
}

/** The lines of a CRI log without time and tag. */
export async function logLines(h: RuntimeHarness, pod: string, stream?: 'stdout' | 'stderr'): Promise<string[]> {
  const text = await readFile(join(h.logs, pod, 'main/0.log'), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => /^\S+ (stdout|stderr) [FP] (.*)$/.exec(line))
    .filter((match) => match && (stream === undefined || match[1] === stream))
    .map((match) => match![2]!);
}

export async function execText(h: RuntimeHarness, containerId: string, cmd: readonly string[]): Promise<string> {
  const { stdout, stderr, exitCode } = await h.runtime.runtime.ExecSync({ containerId, cmd: [...cmd], timeout: '60' });
  if (exitCode !== 0) throw new Error(`${cmd.join(' ')}: ${exitCode}: ${Buffer.from(stderr)}`);
  return Buffer.from(stdout).toString().trim();
}
