import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock, seededRng, silentLogger } from '@berth/kit';
import { type Container, KubeClient, type Pod, type PodSpec, startInformers } from '@berth/kube';
import type { CgroupLimits, PodCgroups } from '../containers/pod-cgroups.ts';
import { type Kubelet, startKubelet } from '../kubelet.ts';
import type { KubeletOptions } from '../kubelet-options.ts';
import { FakeApi } from './fake-api.ts';
import { FakeRuntime } from './fake-runtime.ts';
import { FakeVolumes } from './fake-volumes.ts';

class FakeCgroups implements PodCgroups {
  readonly made = new Map<string, CgroupLimits>();

  async ensure(path: string, limits: CgroupLimits): Promise<void> {
    this.made.set(path, limits);
  }

  async remove(path: string): Promise<void> {
    this.made.delete(path);
  }

  async children(path: string): Promise<readonly string[]> {
    return [...this.made.keys()].filter((key) => key.startsWith(`${path}/`)).map((key) => key.slice(path.length + 1));
  }
}

/** One kubelet on a machine of fakes; `restart` is a kill -9 and a new start. */
export class TestNode implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly api = new FakeApi();
  readonly runtime = new FakeRuntime(this.clock);
  readonly volumes = new FakeVolumes();
  readonly cgroups = new FakeCgroups();
  /** About pods, as `name type reason: message`. */
  readonly events: string[] = [];
  readonly nodeEvents: string[] = [];
  /** Which containers events were about, as `reason fieldPath`. */
  readonly fieldPaths = new Set<string>();
  readonly root: string;
  kubelet!: Kubelet;
  readonly #rng = seededRng(1);
  #end = new AbortController();

  constructor(root: string) {
    this.root = root;
    this.runtime.images.set('busybox:1', {});
  }

  async start(options: Partial<KubeletOptions> = {}): Promise<void> {
    const { clock } = this;
    const signal = this.#end.signal;
    const client = new KubeClient(this.api);
    const kubelet = startKubelet(
      {
        nodeName: 'node-0',
        client,
        informers: startInformers(client, { clock, log: silentLogger }, signal),
        runtime: this.runtime.port,
        volumes: this.volumes,
        dirs: { root: join(this.root, 'kubelet'), logs: join(this.root, 'logs') },
        clock,
        rng: this.#rng,
        log: silentLogger,
        events: {
          event: ({ kind, metadata }, type, reason, message, about = {}) => {
            (kind === 'Node' ? this.nodeEvents : this.events).push(`${metadata.name} ${type} ${reason}: ${message}`);
            if (about.fieldPath) this.fieldPaths.add(`${reason} ${about.fieldPath}`);
          },
        },
        addresses: ['192.168.0.10'],
        cgroupRoot: '/berth-node-0',
        cgroups: this.cgroups,
        machine,
        version: 'v1.36.0',
        ...options,
      },
      signal,
    );
    this.kubelet = await kubelet;
    await this.kubelet.ready;
  }

  async restart(options: Partial<KubeletOptions> = {}): Promise<void> {
    this.#end.abort();
    await this.kubelet[Symbol.asyncDispose]();
    this.#end = new AbortController();
    this.volumes.restart();
    await this.start(options);
  }

  pod(name: string): Pod | undefined {
    return this.api.find<Pod>(podPath(name));
  }

  /** Lets work settle until `check` holds, and `stepMs` pass at a time. @throws Error – it does not, after a while. */
  async until(check: () => boolean, what: string, stepMs = 0): Promise<void> {
    const begin = performance.now();
    while (performance.now() - begin < 100_000) {
      if (check()) return;
      await this.clock.advance(stepMs);
    }
    throw new Error(
      `${what} did not happen; events: ${this.events.join(' | ')}; calls: ${this.runtime.calls.join(', ')}`,
    );
  }

  /** Lets everything that is due now happen, file system calls included: as many of our own go through each thread of libuv's pool. */
  async settled(): Promise<void> {
    for (let turn = 0; turn < 60; turn++) {
      await this.clock.advance(0);
      await Promise.all(Array.from({ length: 4 }, () => stat(this.root)));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.kubelet?.[Symbol.asyncDispose]();
    await rm(this.root, { recursive: true, force: true });
  }
}

const machine = {
  hostname: 'host-0',
  cpus: 4,
  memoryBytes: 8 * 2 ** 30,
  ephemeralStorageBytes: 100 * 2 ** 30,
  machineId: 'm',
  systemUuid: 's',
  bootId: 'b',
  kernelVersion: '6.1',
  osImage: 'Debian',
  architecture: 'amd64',
};

export async function testNode(options: Partial<KubeletOptions> = {}): Promise<TestNode> {
  const node = new TestNode(await mkdtemp(join(tmpdir(), 'berth-kubelet-')));
  await node.start(options);
  return node;
}

export const podPath = (name: string) => `/api/v1/namespaces/default/pods/${name}`;

let pods = 0;

export function aContainer(container: Partial<Container> = {}): Container {
  return {
    name: 'c',
    image: 'busybox:1',
    imagePullPolicy: 'IfNotPresent',
    terminationMessagePath: '/dev/termination-log',
    ...container,
  };
}

/** A pod bound to the test's node, defaulted as far as a kubelet relies on it. */
export function aPod(spec: Partial<PodSpec> = {}, metadata: Pod['metadata'] = {}): Pod {
  const uid = `aaaaaaaa-0000-4000-a000-${String(++pods).padStart(12, '0')}`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p1', namespace: 'default', uid, generation: 1, ...metadata },
    spec: {
      nodeName: 'node-0',
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      containers: [aContainer()],
      ...spec,
    },
    status: {
      phase: 'Pending',
      qosClass: 'BestEffort',
      conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: '2029-12-31T23:59:59Z' }],
    },
  };
}
