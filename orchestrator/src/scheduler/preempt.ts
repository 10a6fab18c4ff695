import type { Pod } from '@berth/kube';
import { nodesMessage, type Refusal } from './fit-error.ts';
import type { Fitting } from './fitting.ts';
import { priorityOf, startOf } from './pod-importance.ts';
import { selectVictims, type VictimRules, type Victims } from './select-victims.ts';

export interface PreemptionOptions extends VictimRules {
  /** Node that the pod is nominated to already. */
  readonly nominated: string | undefined;
  /** Whether a pod is going because another one needs its room. */
  readonly isPreempted: (pod: Pod) => boolean;
  /** Which of the nodes to begin with, so that not always the same ones are asked. */
  readonly offset: number;
}

/** Whom to remove for a pod that fits nowhere; or why nobody, and whether the pod's nomination to a node is over with that. */
export type Preemption = { readonly victims: Victims } | { readonly message: string; readonly isHopeless: boolean };

/** Nodes tried at most, but for large clusters, of which it is a tenth (minCandidateNodesAbsolute, minCandidateNodesPercentage). */
const minCandidates = 100;

/** Looks for pods of less importance that make room by going (preemption.go Preempt). `refusals` says why each node was refused. */
export function preempt(fitting: Fitting, refusals: readonly Refusal[], options: PreemptionOptions): Preemption {
  const barred = whyNot(fitting.pod, refusals, options);
  if (barred !== undefined) return { message: barred, isHopeless: false };
  const promising = refusals.filter(({ byPods }) => byPods);
  const enough = Math.min(promising.length, Math.max(minCandidates, Math.floor(promising.length / 10)));
  const found: Victims[] = [];
  const reasons = refusals.filter(({ byPods }) => !byPods).map(() => ['Preemption is not helpful for scheduling']);
  for (let i = 0; i < promising.length; i++) {
    const { node } = promising[(options.offset + i) % promising.length] as Refusal;
    const victims = selectVictims(fitting, node, options);
    if ('reasons' in victims) reasons.push([...victims.reasons]);
    else found.push(victims);
    if (found.length >= enough && found.some(({ violations }) => violations === 0)) break;
  }
  const victims = best(found, options.now);
  return victims ? { victims } : { message: nodesMessage(refusals.length, reasons), isHopeless: true };
}

/** Why the pod may not preempt others now (PodEligibleToPreemptOthers). */
function whyNot(
  pod: Pod,
  refusals: readonly Refusal[],
  { nominated, isPreempted }: PreemptionOptions,
): string | undefined {
  if (pod.spec?.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
  const there = refusals.find(({ node }) => node.name === nominated);
  if (!there?.byPods) return undefined;
  const going = [...there.node.pods].some((one) => priorityOf(one) < priorityOf(pod) && isPreempted(one));
  return going ? 'not eligible due to a terminating pod on the nominated node.' : undefined;
}

/** The node where preemption costs least: each number decides where those before are equal (pickOneNodeForPreemption). */
function best(candidates: readonly Victims[], now: number): Victims | undefined {
  const rated = candidates.map((victims) => ({ victims, cost: costOf(victims, now) }));
  return rated.sort((a, b) => compare(a.cost, b.cost))[0]?.victims;
}

function costOf({ pods, violations }: Victims, now: number): number[] {
  const priorities = pods.map(priorityOf);
  const highest = Math.max(...priorities);
  // Two pods of negative priority cost more than one.
  const sum = priorities.reduce((all, each) => all + each + 2 ** 31, 0);
  const earliest = Math.min(...pods.filter((pod) => priorityOf(pod) === highest).map((pod) => startOf(pod, now)));
  return [violations, highest, sum, pods.length, -earliest];
}

function compare(a: readonly number[], b: readonly number[]): number {
  const first = a.findIndex((each, i) => each !== b[i]);
  return first < 0 ? 0 : (a[first] as number) - (b[first] as number);
}
