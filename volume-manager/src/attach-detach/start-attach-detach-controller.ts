import { Backoff, type Clock, type Logger, type QueueObserver, type Rng, runController, WorkQueue } from '@berth/kit';
import {
  type EventRecorder,
  type Informers,
  isConflict,
  type KubeClient,
  type Node,
  resources,
  type VolumeAttachment,
} from '@berth/kube';
import { AttachDetach } from './attach-detach.ts';
import { AttachWorld } from './attach-world.ts';
import { NodeReport } from './node-report.ts';

export interface AttachDetachDependencies {
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly events: EventRecorder;
  /** Who hears of a queue, by the name that metrics have for it. */
  readonly queueObserver?: ((name: string) => QueueObserver) | undefined;
}

const workers = 10;

/**
 * Attaches volumes to the nodes of the pods that want them, and detaches them afterwards; ends with `signal` or disposal.
 * Volumes whose driver does not attach are none of its business.
 */
export async function startAttachDetachController(
  deps: AttachDetachDependencies,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  const { client, informers, clock, rng, log, events } = deps;
  const stop = new AbortController();
  const stopped = AbortSignal.any([signal, stop.signal]);
  const newQueue = (name: string) => {
    const backoff = new Backoff({ initialMs: 500, maxMs: 122_000, jitter: 0.1, rng });
    return new WorkQueue<string>({ clock, backoff, observer: deps.queueObserver?.(name) });
  };
  const queues = { volumes: newQueue('attachdetach'), nodes: newQueue('attachdetach-node-report') };
  const world = new AttachWorld(informers);
  const report = new NodeReport(client, world);
  const controller = new AttachDetach({ client, world, report, clock, log, events });
  const subscriptions = subscribe({ informers, world, controller, queues, events });
  await Promise.all([world.pods, world.nodes, world.attachments, world.volumes].map((one) => one.whenSynced(stopped)));
  await informers.of(resources.persistentvolumeclaims).whenSynced(stopped);
  await informers.of(resources.csidrivers).whenSynced(stopped);
  const common = { workers, log, signal: stopped, isConflict };
  const running = Promise.all([
    runController({
      ...common,
      name: 'attachdetach',
      queue: queues.volumes,
      reconcile: (pvName, its) => controller.reconcile(pvName, its),
    }),
    runController({
      ...common,
      name: 'attachdetach-node-report',
      queue: queues.nodes,
      reconcile: async (node, its) => void (await report.write(node, its)),
    }),
  ]);
  return {
    async [Symbol.asyncDispose]() {
      stop.abort();
      subscriptions[Symbol.dispose]();
      await running;
    },
  };
}

interface Wiring {
  readonly informers: Informers;
  readonly world: AttachWorld;
  readonly controller: AttachDetach;
  readonly queues: { readonly volumes: WorkQueue<string>; readonly nodes: WorkQueue<string> };
  readonly events: EventRecorder;
}

/** Which PVs and nodes a change is about. */
function subscribe(wiring: Wiring): Disposable {
  const { informers, world, queues } = wiring;
  const stack = new DisposableStack();
  const addVolumes = (names: readonly string[]) => {
    for (const name of names) queues.volumes.add(name);
  };
  stack.use(
    world.pods.onChange((_, { before, after }) => {
      for (const pod of [before, after]) if (pod?.spec?.nodeName) addVolumes(world.volumesOfPod(pod));
    }),
  );
  stack.use(
    informers.of(resources.persistentvolumeclaims).onChange((_, { before, after }) => {
      addVolumes([before, after].flatMap((claim) => claim?.spec?.volumeName ?? []));
    }),
  );
  stack.use(world.volumes.onChange((key) => queues.volumes.add(key)));
  stack.use(
    informers.of(resources.csidrivers).onChange((driver) => {
      addVolumes(world.volumes.byIndex('driver', driver).flatMap(({ metadata }) => metadata.name ?? []));
    }),
  );
  stack.use(
    world.nodes.onChange((name, { before, after }) => {
      if (before && after && !isDifferent(before, after)) return;
      addVolumes(world.attachments.byIndex('node', name).flatMap(({ spec }) => spec.source.persistentVolumeName ?? []));
      if (!before || !after) for (const pod of world.pods.byIndex('node', name)) addVolumes(world.volumesOfPod(pod));
      queues.nodes.add(name);
    }),
  );
  stack.use(world.attachments.onChange((name, change) => attachmentChanged(wiring, name, change)));
  return stack;
}

function attachmentChanged(
  { world, controller, queues, events }: Wiring,
  name: string,
  { before, after }: { readonly before: VolumeAttachment | undefined; readonly after: VolumeAttachment | undefined },
): void {
  const { source, nodeName } = (after ?? before)?.spec ?? { source: {}, nodeName: '' };
  const pvName = source.persistentVolumeName;
  if (pvName === undefined) return;
  controller.observed(pvName, name, after === undefined);
  queues.volumes.add(pvName);
  queues.nodes.add(nodeName);
  const told = outcome(before, after);
  if (!told) return;
  const pods = world.wantedNodes(world.volumes.get(pvName)).get(nodeName) ?? [];
  for (const pod of pods)
    events.event(pod, told.type, told.reason, `${told.words} for volume "${pvName}" ${told.detail}`);
}

/** What an attacher's answer means for the pods that wait; only a change of it is news. */
function outcome(before: VolumeAttachment | undefined, after: VolumeAttachment | undefined) {
  if (!before || !after) return undefined;
  if (after.status?.attached && !before.status?.attached) {
    return {
      type: 'Normal',
      reason: 'SuccessfulAttachVolume',
      words: 'AttachVolume.Attach succeeded',
      detail: '',
    } as const;
  }
  const error = after.status?.attachError;
  if (!error || JSON.stringify(error) === JSON.stringify(before.status?.attachError)) return undefined;
  const detail = `: ${error.message ?? ''}`;
  return { type: 'Warning', reason: 'FailedAttachVolume', words: 'AttachVolume.Attach failed', detail } as const;
}

/** Heartbeats change a node every few seconds; only these parts of it matter here. */
function isDifferent(before: Node, after: Node): boolean {
  const facts = ({ spec, status }: Node) =>
    JSON.stringify([
      spec?.taints,
      status?.volumesInUse,
      status?.volumesAttached,
      status?.conditions?.find(({ type }) => type === 'Ready')?.status,
    ]);
  return facts(before) !== facts(after);
}
