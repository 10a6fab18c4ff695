import { type Clock, isAbort, type Logger } from '@berth/kit';
import type { ContainerRuntime } from '../container-runtime.ts';
import { labels } from './runtime-labels.ts';

export interface RuntimeEventsOptions {
  readonly runtime: ContainerRuntime['runtime'];
  readonly clock: Clock;
  readonly log: Logger;
  /** Something of this pod started, ended or went. */
  readonly onPod: (uid: string) => void;
  /** All was listed, begun at a time of the monotonic clock. */
  readonly relisted: (beganMs: number) => void;
}

/** How often everything is listed, in case an event was lost (kubelet's evented PLEG relists every 300 s, its generic one every 1 s). */
const relistMs = 60_000;
/** Before a broken event stream is opened again. */
const reopenMs = 1000;

/** Tells which pods changed in the runtime: its event stream, and a slow relist as a safety net. Runs until `signal` aborts. */
export async function followRuntime(options: RuntimeEventsOptions, signal: AbortSignal): Promise<void> {
  await Promise.all([follow(options, signal), relist(options, signal)]);
}

async function follow({ runtime, clock, log, onPod }: RuntimeEventsOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const event of runtime.GetContainerEvents({}, { signal })) {
        const status = event.podSandboxStatus;
        const uid = status?.metadata?.uid || status?.labels[labels.podUid];
        const own = event.containersStatuses.map((container) => container.labels[labels.podUid]);
        for (const id of new Set([uid, ...own])) if (id) onPod(id);
      }
    } catch (error) {
      if (signal.aborted || isAbort(error)) return;
      log.warn('container events broke off', { error });
    }
    await clock.sleep(reopenMs, signal).catch(() => undefined);
  }
}

async function relist(options: RuntimeEventsOptions, signal: AbortSignal): Promise<void> {
  const { runtime, clock, log, onPod, relisted } = options;
  let before = new Map<string, string>();
  while (!signal.aborted) {
    try {
      const beganMs = clock.monotonicMs();
      const now = await fingerprints(runtime, signal);
      relisted(beganMs);
      for (const uid of new Set([...before.keys(), ...now.keys()])) if (before.get(uid) !== now.get(uid)) onPod(uid);
      before = now;
    } catch (error) {
      if (!signal.aborted) log.warn('containers not listed', { error });
    }
    await clock.sleep(relistMs, signal).catch(() => undefined);
  }
}

/** The state of every pod's sandboxes and containers as one comparable line. */
async function fingerprints(runtime: ContainerRuntime['runtime'], signal: AbortSignal): Promise<Map<string, string>> {
  const [{ items }, { containers }] = await Promise.all([
    runtime.ListPodSandbox({}, { signal }),
    runtime.ListContainers({}, { signal }),
  ]);
  const lines = new Map<string, string[]>();
  for (const { id, state, labels: written } of [...items, ...containers]) {
    const uid = written[labels.podUid] ?? '';
    const list = lines.get(uid) ?? [];
    list.push(`${id}=${state}`);
    lines.set(uid, list);
  }
  return new Map([...lines].map(([uid, list]) => [uid, list.sort().join(' ')]));
}
