import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Logger, type Rng, systemRng } from '@berth/kit';
import type { cri, ServiceClient, ServiceHandlers } from '@berth/protos';
import type { ContainerStreams } from '../kubelet/container-runtime.ts';
import { PodNetwork, type PodNetworkOptions } from '../network/pod-network.ts';
import { detectCgroups, managedHierarchies } from './cgroups.ts';
import { containerHandlers } from './container-handlers.ts';
import { UsageReader } from './container-stats.ts';
import { Containers } from './containers.ts';
import { watchExits } from './exit-watch.ts';
import type { ImageStore } from './image-source.ts';
import { inProcessRuntime } from './in-process-service.ts';
import { nodeHandlers } from './node-handlers.ts';
import { findContainerPrograms, OciRuntime } from './oci-runtime.ts';
import { adoptSurvivors } from './reconcile.ts';
import type { RuntimeContext } from './runtime-context.ts';
import { RuntimeEvents } from './runtime-events.ts';
import { type HandlerParts, sandboxHandlers } from './sandbox-handlers.ts';
import { Sandboxes } from './sandboxes.ts';
import { StateLayout } from './state-layout.ts';
import { containerStreams } from './streams.ts';

export interface EmbeddedRuntimeOptions {
  /** Everything of this runtime lives under it (absolute); its bridge, cgroups and firewall rules are named for this path. */
  readonly stateDir: string;
  readonly images: ImageStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly network: PodNetworkOptions;
  readonly rng?: Rng;
  /** Ends the runtime's own work; containers go on. */
  readonly signal: AbortSignal;
}

/** CRI in this process: compose it with an image service to a `ContainerRuntime`. Disposing it leaves containers running. */
export interface EmbeddedRuntime extends AsyncDisposable {
  readonly runtime: ServiceClient<cri.RuntimeService>;
  readonly streams: ContainerStreams;
  /** The same methods for serving CRI on a socket. */
  readonly handlers: ServiceHandlers<cri.RuntimeService>;
}

/**
 * Starts the runtime of `stateDir`: adopts the containers that run, undoes what was half made, learns how others ended.
 * One process at a time may do so; the caller holds the data directory's lock.
 * @throws MissingProgramError – conmon, crun or runc is not installed.
 */
export async function startEmbeddedRuntime(options: EmbeddedRuntimeOptions): Promise<EmbeddedRuntime> {
  const context = await buildContext(options);
  const { layout, log, events } = context;
  await Promise.all(
    [layout.sandboxes, layout.containers, layout.exits, layout.ociRoot].map((path) =>
      mkdir(path, { recursive: true, mode: 0o711 }),
    ),
  );
  const survivors = await adoptSurvivors(context);
  const containers = new Containers(context, survivors.containers);
  const sandboxes = new Sandboxes(context, survivors.sandboxes);
  const usage = new UsageReader(context);
  // Watched before looked at, so that no exit falls between the two.
  const watcher = watchExits(layout.exits, (id) => containers.observeExit(id), log);
  await Promise.all(containers.list().map(({ id }) => containers.observeExit(id)));
  const parts: HandlerParts = { context, sandboxes, containers, usage };
  const handlers = { ...nodeHandlers(parts), ...sandboxHandlers(parts), ...containerHandlers(parts) };
  const stop = () => {
    watcher[Symbol.dispose]();
    events.close();
  };
  options.signal.addEventListener('abort', stop, { once: true });
  return {
    runtime: inProcessRuntime(handlers),
    streams: containerStreams(parts),
    handlers,
    [Symbol.asyncDispose]: async () => {
      options.signal.removeEventListener('abort', stop);
      stop();
      await context.network[Symbol.asyncDispose]();
    },
  };
}

async function buildContext(options: EmbeddedRuntimeOptions): Promise<RuntimeContext> {
  const { stateDir, images, clock, log, network, rng = systemRng } = options;
  const layout = new StateLayout(stateDir);
  const cgroups = detectCgroups();
  const survivorCgroups = managedHierarchies(cgroups).map((root) => join(root, layout.identity.cgroupRoot, 'monitors'));
  const programs = await findContainerPrograms(cgroups);
  return {
    ...{ layout, clock, rng, log, images, cgroups, survivorCgroups, programs },
    network: new PodNetwork(layout, network, log),
    oci: new OciRuntime(programs.oci.path, layout.ociRoot),
    events: new RuntimeEvents(),
    bootId: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(),
  };
}
