import { type History, recordedHistory, type Step } from '../harness/recorded-history.ts';

type Side = 'recorded' | 'seen';

/** Where our histories may differ from the recorded ones, and why. Everything else must be the same. */
interface Difference {
  readonly reason: string;
  /** Of which recordings; all where left out. */
  readonly ids?: readonly string[];
  readonly objects: RegExp;
  /** Which side is brought into the form both share; both where left out. */
  readonly side?: Side;
  readonly steps?: Change<Step>;
  readonly events?: Change<string>;
}

type Change<T> = (list: readonly T[]) => readonly T[];

const differences: readonly Difference[] = [
  {
    reason: 'two or three controllers race for a finalizer each: recordings differ among themselves in who is first',
    objects: /^pv\//,
    steps: (steps) =>
      steps.map((step) => (onlyFinalizers(step) ? withSet(step, () => ['metadata.finalizers', '']) : step)),
  },
  {
    reason: "our driver's volume context says that it does not enforce sizes",
    objects: /^pv\//,
    side: 'seen',
    steps: without(/^spec\.csi\.volumeAttributes\.hostpath/),
  },
  {
    reason: 'classes of the drivers that stand in for the recorded one',
    objects: /^pvc?\//,
    side: 'seen',
    steps: (steps) =>
      steps.map((step) =>
        withSet(step, (path, value) => [path, /^csi-(attach|expand)$/.test(String(value)) ? 'csi-hostpath-sc' : value]),
      ),
  },
  {
    reason: 'our runtime tells as whom a container runs, as containerd does from version 2 on; 1.6 did not',
    objects: /^pod\//,
    side: 'seen',
    steps: without(/ontainerStatuses\[\w+\]\.user\./),
  },
  {
    reason: 'whether the scheduler or the ephemeral controller sees the pod first is a race',
    ids: ['ephemeral'],
    objects: /^pod\//i,
    steps: (steps) =>
      steps
        .filter(({ set }) => set['status.conditions[PodScheduled].reason'] === undefined)
        .map((step) =>
          step.set['spec.nodeName'] === undefined
            ? step
            : {
                ...withSet(step, (path, value) => [path, value], {
                  'status.conditions[PodScheduled].type': 'PodScheduled',
                }),
                removed: step.removed.filter((path) => !path.startsWith('status.conditions[PodScheduled]')),
              },
        ),
    events: (events) => events.filter((event) => !event.includes('FailedScheduling')),
  },
  {
    reason: 'volumes of a pod are mounted beside each other: which fails first is open',
    ids: ['missing-secret'],
    objects: /^Pod\/p1 from kubelet/,
    events: (events) => [
      ...events.filter((event) => event.includes('FailedMount')).sort(),
      ...events.filter((event) => !event.includes('FailedMount')),
    ],
  },
  {
    reason: 'our kubelet tells at once why a container waits, the recorded one with its next sync 10 s later',
    ids: ['subpath'],
    objects: /^pod\/p3/,
    side: 'seen',
    steps: (steps) =>
      steps.filter(
        ({ set }) => set['status.containerStatuses[c].state.waiting.reason'] !== 'CreateContainerConfigError',
      ),
  },
  {
    reason: 'a command that ends at once may be over before anyone sees it run',
    ids: ['subpath'],
    objects: /^pod\/p3/,
    steps: mergeRunAndEnd,
  },
  {
    reason: 'our kubelet tells of volumes in use at once, the recorded one with its next node status: two writers',
    ids: ['attach'],
    objects: /^node\//,
    steps: (steps) => [
      ...[...steps.slice(0, 2)].sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
      ...steps.slice(2),
    ],
  },
  {
    reason: 'our kubelet expands at once, as offline; the recording ended before the recorded one came to look',
    ids: ['expand-online'],
    objects: /^pvc\//,
    side: 'recorded',
    steps: (steps) => [...steps, ...(recordedHistory('expand-offline').writes['pvc/c1']?.slice(-2) ?? [])],
  },
  {
    reason: 'as above, and it tells of it',
    ids: ['expand-online'],
    objects: /from kubelet$/,
    side: 'seen',
    events: (events) => events.filter((event) => !event.includes('FileSystemResizeSuccessful')),
  },
  {
    reason: 'one look of the controller may see a pod both marked and gone, and writes both in one status',
    ids: ['sts-ondelete', 'statefulset'],
    objects: /^sts\//,
    steps: mergeMarkedAndGone,
  },
  {
    reason: 'pods of a Parallel set may become ready in the same moment, which is one status then',
    ids: ['sts-ondelete', 'sts-retention-scaled'],
    objects: /^sts\//,
    steps: (steps) => steps.filter((step, i) => !(isReadiness(step) && isReadiness(steps[i + 1]))),
  },
];

/** Histories in which one write follows from another throughout; in the others several controllers write at the same time. */
const inOrder = new Set([
  'immediate',
  'wffc',
  'no-provisioner',
  'static',
  'expand-offline',
  'two-pods-one-claim',
  'missing-secret',
]);
const user = /,status\.containerStatuses\[c\]\.user\.[^,]+/g;

/** A history in the form that ours and the recorded one share. */
export function comparable(id: string, history: History, side: Side): History {
  const own = differences.filter((one) => (one.ids?.includes(id) ?? true) && (one.side ?? side) === side);
  const each = <T>(lists: Readonly<Record<string, readonly T[]>>, pick: (one: Difference) => Change<T> | undefined) => {
    const changed = Object.entries(lists).map(([key, list]) => {
      const applying = own.filter(({ objects }) => objects.test(key));
      return [key, applying.reduce((now, one) => pick(one)?.(now) ?? now, list)] as const;
    });
    return Object.fromEntries(changed.filter(([, list]) => list.length > 0));
  };
  return {
    order: inOrder.has(id) ? history.order.map((line) => line.replaceAll(user, '')) : [],
    writes: each(history.writes, ({ steps }) => steps),
    events: each(history.events, ({ events }) => events),
  };
}

function onlyFinalizers({ set, change }: Step): boolean {
  return change === 'MODIFIED' && Object.keys(set).join() === 'metadata.finalizers';
}

function withSet(
  step: Step,
  change: (path: string, value: unknown) => readonly [string, unknown],
  more: Step['set'] = {},
): Step {
  const changed = Object.entries(step.set).map(([path, value]) => change(path, value));
  return { ...step, set: { ...Object.fromEntries(changed), ...more } };
}

function isReadiness(step: Step | undefined): boolean {
  return step !== undefined && Object.keys(step.set).join() === 'status.availableReplicas,status.readyReplicas';
}

/** A status write of nothing but fewer current replicas, and the next one, as one. */
function mergeMarkedAndGone(steps: readonly Step[]): Step[] {
  const merged: Step[] = [];
  let held: Step | undefined;
  for (const step of steps) {
    const next = held ? { ...step, set: { ...held.set, ...step.set } } : step;
    held = Object.keys(next.set).join() === 'status.currentReplicas' ? next : undefined;
    if (!held) merged.push(next);
  }
  return held ? [...merged, held] : merged;
}

function without(paths: RegExp): Change<Step> {
  return (steps) =>
    steps.map((step) => ({
      ...step,
      set: Object.fromEntries(Object.entries(step.set).filter(([path]) => !paths.test(path))),
      removed: step.removed.filter((path) => !paths.test(path)),
    }));
}

function mergeRunAndEnd(steps: readonly Step[]): Step[] {
  const status = 'status.initContainerStatuses[evil].';
  const [running, started] = [`${status}state.running.startedAt`, `${status}started`];
  const at = steps.findIndex(({ set }) => set[`${status}state.terminated.reason`] !== undefined);
  const [end, run] = [steps[at], steps[at - 1]];
  if (!end) return [...steps];
  const seen = run?.set[running] !== undefined ? run : undefined;
  const { [running]: _, [started]: __, ...set } = { ...seen?.set, ...end.set };
  const removed = [...(seen?.removed ?? []), ...end.removed].filter((path) => path !== running).sort();
  const sorted = Object.fromEntries(Object.entries(set).sort());
  return [...steps.slice(0, seen ? at - 1 : at), { ...end, set: sorted, removed }, ...steps.slice(at + 1)];
}
