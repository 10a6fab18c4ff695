import { mkdir, readFile } from 'node:fs/promises';
import { resources, type Service } from '@berth/kube';
import type { NodeApi } from '../node-api.ts';
import { cgroupFiles } from './containers/cgroup-files.ts';
import { evictOverLimit } from './eviction/evict-over-limit.ts';
import { KubeletApi } from './kubelet-api.ts';
import type { KubeletOptions } from './kubelet-options.ts';
import { rotateLogs } from './logs/rotate-logs.ts';
import { keepNodeLease } from './node/node-lease.ts';
import { NodeReporter } from './node/node-reporter.ts';
import { readMachine } from './node/read-machine.ts';
import { nodeContext } from './node-context.ts';
import type { NodeRoom } from './pods/admit-pod.ts';
import { informerPodSource } from './pods/pod-source.ts';
import { PodWorkers } from './pods/pod-workers.ts';
import { followRuntime } from './pods/runtime-events.ts';
import { StatusWriter } from './status/status-writer.ts';

/** One node at work. Disposing stops it and leaves its pods and mounts as they are, for the next start to adopt. */
export interface Kubelet extends AsyncDisposable {
  readonly api: NodeApi;
  /** Resolves when the node object is written with condition Ready=True and every pod of the node was seen once. */
  readonly ready: Promise<void>;
}

/** Starts the kubelet of one node; resolves once its loops run, before it is ready. */
export async function startKubelet(given: KubeletOptions, signal: AbortSignal): Promise<Kubelet> {
  const runtime = given.metrics?.observed(given.runtime) ?? given.runtime;
  const options = { ...given, runtime };
  const { clock, log, dirs, informers, client } = options;
  for (const directory of [dirs.root, dirs.logs]) await mkdir(directory, { recursive: true, mode: 0o750 });
  const [machine, cgroups, version, resolvConf, hosts] = await Promise.all([
    options.machine ?? readMachine(dirs.root),
    options.cgroups ?? cgroupFiles(),
    runtime.runtime.Version({}, { signal }),
    readFile('/etc/resolv.conf', 'utf8').catch(() => ''),
    readFile('/etc/hosts', 'utf8').catch(() => ''),
  ]);
  const source = informerPodSource(informers, options.nodeName, options.watchOwnPodsOnly);
  const services = informers.of<Service>(resources.services);
  const statuses = new StatusWriter({ client, clock, log, current: (uid) => source.get(uid) });
  const reporter = new NodeReporter(options, machine);
  const node = nodeContext({
    options,
    machine,
    cgroups,
    statuses,
    runtimeName: version.runtimeName,
    services: () => services.list(),
    onVolumesChanged: () => reporter.poke(),
    nodeFiles: { resolvConf, hosts },
  });
  const room = (): NodeRoom => ({
    cpuMilli: machine.cpus * 1000,
    memoryBytes: machine.memoryBytes,
    ephemeralStorageBytes: machine.ephemeralStorageBytes,
    pods: options.maxPods ?? 110,
    node: reporter.node,
  });
  const workers = new PodWorkers(node, source, room);
  return run({ options, node, reporter, workers }, signal);
}

interface Parts {
  readonly options: KubeletOptions;
  readonly node: ReturnType<typeof nodeContext>;
  readonly reporter: NodeReporter;
  readonly workers: PodWorkers;
}

function run({ options, node, reporter, workers }: Parts, parent: AbortSignal): Kubelet {
  const { clock, log, metrics } = options;
  const { runtime } = options.runtime;
  const end = new AbortController();
  const signal = AbortSignal.any([end.signal, parent]);
  const listeners = new Set<() => void>();
  const onPod = (uid: string) => {
    workers.poke(uid);
    for (const listener of listeners) listener();
  };
  const onRuntimeChange = (wake: () => void): Disposable => {
    listeners.add(wake);
    return { [Symbol.dispose]: () => listeners.delete(wake) };
  };
  const running = () =>
    workers.list().flatMap(({ state }) => state.seen.containers.filter((one) => one.state === 'CONTAINER_RUNNING'));
  // Pods need the node's labels for their admission and its services for their environment.
  const pods = reporter.registered
    .then(() => options.informers.of<Service>(resources.services).whenSynced(signal))
    .then(() => workers.start(signal));
  const loops = [
    reporter.run(signal),
    keepNodeLease(options, signal),
    followRuntime({ runtime, clock, log, onPod, relisted: (beganMs) => metrics?.relisted(beganMs) }, signal),
    rotateLogs({ runtime, clock, log, running }, signal),
    evictOverLimit(node, workers, signal),
    pods.catch((error: unknown) => {
      if (!signal.aborted) log.error('pods of the node not taken up', { error });
    }),
  ];
  const ready = Promise.all([reporter.ready, pods]).then(() => undefined);
  ready.catch(() => undefined);
  return {
    api: new KubeletApi(node, workers, onRuntimeChange),
    ready,
    async [Symbol.asyncDispose]() {
      end.abort();
      await workers[Symbol.asyncDispose]();
      await node.statuses[Symbol.asyncDispose]();
      await Promise.allSettled(loops);
    },
  };
}
