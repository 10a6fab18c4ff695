import golden from '../golden/storage-histories.json' with { type: 'json' };
import type { SeenEvent, SeenWrite } from './history-recorder.ts';
import { VolumeNamer } from './volume-namer.ts';

export interface Step {
  readonly change: string;
  readonly set: Readonly<Record<string, unknown>>;
  readonly removed: readonly string[];
}

/** Per object what was written to it, and per object and source what was told of it; in order. */
export interface History {
  readonly writes: Readonly<Record<string, readonly Step[]>>;
  readonly events: Readonly<Record<string, readonly string[]>>;
  /** `pvc/c1 MODIFIED spec.volumeName` … of all objects but nodes, as they followed each other. */
  readonly order: readonly string[];
}

export type RecordedLine = Partial<SeenWrite> & Partial<SeenEvent>;

export const recordedIds: readonly string[] = golden.cases.map(({ id }) => id);

export function recordedHistory(id: string): History {
  const lines = golden.cases.find((one) => one.id === id)?.history as unknown as RecordedLine[] | undefined;
  if (!lines) throw new Error(`no recorded history "${id}"`);
  const namer = new VolumeNamer();
  const writes = lines.flatMap((line) => {
    if (line.change === 'DELETED' && line.object?.startsWith('pvc/')) namer.claimGone(line.object.slice(4));
    const object = line.object?.startsWith('pv/pvc-') ? namer.name(line) : line.object;
    return object === undefined ? [] : [{ ...line, object } as SeenWrite];
  });
  return seenHistory(writes, lines.filter((line) => line.event) as SeenEvent[]);
}

export function seenHistory(writes: readonly SeenWrite[], events: readonly SeenEvent[]): History {
  return { writes: grouped(writes), events: told(events), order: inOrder(writes) };
}

function inOrder(writes: readonly SeenWrite[]): string[] {
  return writes
    .toSorted((a, b) => (a.revision ?? 0) - (b.revision ?? 0))
    .filter(({ object }) => !object.startsWith('node/'))
    .map(({ object, change, set, removed = [] }) => {
      const step = normal({ change, set, removed });
      const what = change === 'MODIFIED' ? ` ${Object.keys(step.set).join()}` : '';
      return `${keyOf(object)} ${change}${what}`;
    });
}

function keyOf(object: string): string {
  return text(object).replace(/^va\/csi-\w+$/, 'va/csi-<hash>');
}

function grouped(writes: readonly SeenWrite[]): History['writes'] {
  const result: Record<string, Step[]> = {};
  for (const { object, change, set, removed = [] } of writes) {
    const key = keyOf(object);
    const node = key.startsWith('node/');
    const step = normal(node ? volumesOnly({ change, set, removed }) : { change, set, removed });
    const says = !node || Object.keys(step.set).length + step.removed.length > 0;
    if (says) result[key] = [...(result[key] ?? []), step];
  }
  return result;
}

/** Of nodes only what is attached and in use counts. */
function volumesOnly({ change, set, removed }: Step): Step {
  const kept = Object.entries(set).filter(([path]) => path.startsWith('status.volumes'));
  return {
    change,
    set: Object.fromEntries(kept),
    removed: removed.filter((path) => path.startsWith('status.volumes')),
  };
}

/** How often an event repeats depends on how often someone looks: the first of each is what counts. */
function told(events: readonly SeenEvent[]): History['events'] {
  const result: Record<string, string[]> = {};
  for (const { event, type, reason, message, source, count } of events) {
    const key = `${event} from ${text(source)}`;
    const words = `${type} ${reason}${count === null ? ' (uncounted)' : ''}: ${text(message)}`;
    if (!result[key]?.includes(words)) result[key] = [...(result[key] ?? []), words];
  }
  return result;
}

/** Names that differ from cluster to cluster, in the recording's. */
function text(value: string): string {
  return value
    .replaceAll(/(csi|expand|attach)\.berth\.(local|test)/g, 'hostpath.csi.k8s.io')
    .replaceAll('topology.hostpath.csi.k8s.io/', 'topology.hostpath.csi/')
    .replaceAll(/(csi|expand|attach)-berth-(local|test)/g, 'hostpath-csi-k8s-io')
    .replaceAll(/\bnode-1\b/g, 'node-0')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uid>')
    .replace(/^(hostpath\.csi\.k8s\.io)_.+_<uid>$/, '$1_HOST_<uid>')
    .replaceAll(/\bh-[a-z-]+\b(?=[/"]|$)/g, 'NS')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>')
    .replace(/^\d{13}-\d+-(hostpath\.csi\.k8s\.io)(-node-0)?$/, '<time>-<random>-$1');
}

function normal({ change, set, removed }: Step): Step {
  const entries = Object.entries(set).map(([path, value]) => [text(path), normalValue(path, value)] as const);
  return { change, set: Object.fromEntries(entries.sort()), removed: removed.map(text).sort() };
}

function normalValue(path: string, value: unknown): unknown {
  if (path.endsWith('volumeHandle')) return '<vol>';
  if (path === 'metadata.name' && /^csi-[0-9a-f]{64}$/.test(String(value))) return 'csi-<hash>';
  if (typeof value === 'string') return text(value);
  return Array.isArray(value) ? value.map((item) => normalValue('', item)) : value;
}
