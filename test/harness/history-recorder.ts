import {
  type KubeClient,
  type KubeObject,
  keyOf,
  type ObjectReference,
  type ResourceType,
  resources,
} from '@berth/kube';
import { isRecord } from './fake-patch.ts';

/** One write a watcher saw: the fields it set, and those it removed. */
export interface SeenWrite {
  readonly namespace: string;
  /** Orders writes to different objects; absent where they are in order already. */
  readonly revision?: number;
  /** Of volumes and attachments: for which claim. */
  readonly claim?: string;
  readonly object: string;
  readonly change: string;
  readonly set: Record<string, unknown>;
  readonly removed?: readonly string[];
}

export interface SeenEvent {
  readonly namespace: string;
  readonly event: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly count: number | null;
  readonly source: string;
}

const watched: readonly [string, ResourceType][] = [
  ['pvc', resources.persistentvolumeclaims],
  ['pv', resources.persistentvolumes],
  ['va', resources.volumeattachments],
  ['pod', resources.pods],
  ['sts', resources.statefulsets],
  ['rev', resources.controllerrevisions],
  ['node', resources.nodes],
];

/** What differs from run to run, or from cluster to cluster, and what the recordings leave out. */
const ignored =
  /^(apiVersion|kind|metadata\.(uid|resourceVersion|creationTimestamp|generation|managedFields|selfLink)$|.*\.(uid|resourceVersion|containerID|imageID|lastTransitionTime|lastProbeTime)$|.*\.conditions\[\w+\]\.observedGeneration$|status\.lastPhaseTransitionTime|.*kube-api-access-)/;
const ofPods =
  /^(spec\.(containers\[|restartPolicy|terminationGracePeriodSeconds|dnsPolicy|serviceAccount|securityContext|schedulerName|tolerations|enableServiceLinks|priority|preemptionPolicy|automount)|status\.(hostIP|podIP|startTime))/;

/** Watches what the recorded histories watch, from its start on. */
export class HistoryRecorder implements AsyncDisposable {
  readonly writes: SeenWrite[] = [];
  readonly events: SeenEvent[] = [];
  /** The newest state of each object, also of deleted ones. */
  readonly #objects = new Map<string, Map<string, unknown>>();
  readonly #volumes = new Map<string, { readonly namespace: string; readonly claim: string }>();
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>[] = [];

  static async start(client: KubeClient): Promise<HistoryRecorder> {
    const recorder = new HistoryRecorder();
    const { signal } = recorder.#stop;
    const follow = async (type: ResourceType, take: (change: string, object: KubeObject) => void) => {
      const { items, metadata } = await client.list(type, {}, signal);
      for (const object of items) take('LISTED', object);
      const watch = async () => {
        const { resourceVersion = '' } = metadata;
        for await (const event of client.watch(type, { resourceVersion }, signal)) {
          if (event.type !== 'BOOKMARK') take(event.type, event.object);
        }
      };
      recorder.#watching.push(watch());
    };
    await Promise.all([
      ...watched.map(([short, type]) => follow(type, (change, object) => recorder.#write(short, change, object))),
      follow(resources.events, (change, object) => recorder.#event(change, object)),
    ]);
    return recorder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#watching);
  }

  #write(short: string, change: string, object: KubeObject): void {
    const key = `${short}/${keyOf(object)}`;
    const before = this.#objects.get(key) ?? new Map<string, unknown>();
    const after = new Map<string, unknown>();
    flatten('', object, { into: after, left: (path) => ignored.test(path) || (short === 'pod' && ofPods.test(path)) });
    this.#objects.set(key, after);
    if (change === 'LISTED') return;
    const deleted = change === 'DELETED';
    const same = (path: string, value: unknown) => JSON.stringify(before.get(path)) === JSON.stringify(value);
    const set = deleted ? {} : Object.fromEntries([...after].filter(([path, value]) => !same(path, value)));
    const removed = deleted ? [] : [...before.keys()].filter((path) => !after.has(path));
    this.writes.push({
      ...this.#placeOf(short, object),
      revision: Number(object.metadata.resourceVersion),
      object: `${short}/${object.metadata.name}`,
      change,
      set,
      ...(removed.length > 0 ? { removed } : {}),
    });
  }

  /** A volume belongs to its claim's namespace, an attachment to its volume's. */
  #placeOf(short: string, object: KubeObject): { readonly namespace: string; readonly claim?: string } {
    const { name = '', namespace = '' } = object.metadata;
    const { spec } = object as { spec?: { claimRef?: ObjectReference; source?: { persistentVolumeName?: string } } };
    if (short === 'va') return this.#volumes.get(spec?.source?.persistentVolumeName ?? '') ?? { namespace };
    if (short !== 'pv') return { namespace };
    const { namespace: claimed = '', name: claim = '' } = spec?.claimRef ?? {};
    const place = { namespace: claimed, claim };
    this.#volumes.set(name, place);
    return place;
  }

  #event(change: string, object: KubeObject): void {
    if (change !== 'ADDED' && change !== 'MODIFIED') return;
    const event = object as KubeObject & Record<string, unknown>;
    const about = event['involvedObject'] as { kind: string; name: string };
    const { component } = (event['source'] ?? {}) as { component?: string };
    this.events.push({
      namespace: object.metadata.namespace ?? '',
      event: `${about.kind}/${about.name}`,
      type: String(event['type']),
      reason: String(event['reason']),
      message: String(event['message']),
      count: (event['count'] as number | undefined) ?? null,
      source: component || String(event['reportingComponent']),
    });
  }
}

interface Flattening {
  readonly into: Map<string, unknown>;
  readonly left: (path: string) => boolean;
}

function flatten(path: string, value: unknown, flattening: Flattening): void {
  if (flattening.left(path)) return;
  if (Array.isArray(value) && value.some(isRecord)) {
    for (const [i, item] of value.entries()) flatten(`${path}[${nameOf(item) ?? i}]`, item, flattening);
  } else if (isRecord(value) && Object.keys(value).length > 0) {
    for (const [key, item] of Object.entries(value)) flatten(path === '' ? key : `${path}.${key}`, item, flattening);
  } else if (value !== undefined) flattening.into.set(path, value);
}

function nameOf(item: unknown): string | undefined {
  const { name, type } = item as { name?: string; type?: string };
  return name ?? type;
}
