import {
  controllerOf,
  type Informer,
  keyOf,
  type ObjectKey,
  type Pod,
  type PodDisruptionBudget,
  Selector,
} from '@berth/kube';
import { isReady } from '../statefulset/pod-state.ts';

interface Covered {
  readonly selector: Selector;
  readonly pods: Set<ObjectKey>;
}

interface Change<T> {
  readonly before: T | undefined;
  readonly after: T | undefined;
}

/** Which pods each budget is for. A change of a pod costs a look at the budgets of its namespace, and not at their other pods. */
export class CoveredPods {
  readonly #pods: Informer<Pod>;
  readonly #namespaces = new Map<string, Map<ObjectKey, Covered>>();

  constructor(pods: Informer<Pod>) {
    this.#pods = pods;
  }

  of({ metadata: { namespace = '', name } }: PodDisruptionBudget): Pod[] {
    const covered = this.#namespaces.get(namespace)?.get(`${namespace}/${name}`);
    return [...(covered?.pods ?? [])].flatMap((key) => this.#pods.get(key) ?? []);
  }

  noteBudget(key: ObjectKey, { before, after }: Change<PodDisruptionBudget>): void {
    const namespace = (after ?? before)?.metadata.namespace ?? '';
    const budgets = this.#namespaces.get(namespace) ?? new Map<ObjectKey, Covered>();
    if (!after) {
      budgets.delete(key);
      if (budgets.size === 0) this.#namespaces.delete(namespace);
    } else if (!budgets.has(key) || selectorText(before) !== selectorText(after)) {
      const selector = selectorOf(after);
      const pods = this.#pods.list(namespace).filter(({ metadata }) => selector.matches(metadata.labels));
      budgets.set(key, { selector, pods: new Set(pods.map(keyOf)) });
      this.#namespaces.set(namespace, budgets);
    }
  }

  /** Keys of the budgets for which the change counts, those that are for the pod no longer too; and of all that are for it by now. */
  notePod(key: ObjectKey, { before, after }: Change<Pod>): { touched: ObjectKey[]; covering: ObjectKey[] } {
    const touched: ObjectKey[] = [];
    const covering: ObjectKey[] = [];
    const { namespace = '' } = (after ?? before)?.metadata ?? {};
    for (const [budget, { selector, pods }] of this.#namespaces.get(namespace) ?? []) {
      const was = pods.delete(key);
      const is = after !== undefined && selector.matches(after.metadata.labels);
      if (is) pods.add(key);
      if (is) covering.push(budget);
      if (was !== is || (is && before && !countAlike(before, after))) touched.push(budget);
    }
    return { touched, covering };
  }
}

/** A selector that cannot be read is for none; the budget's status says so. */
function selectorOf({ spec }: PodDisruptionBudget): Selector {
  try {
    return Selector.fromObject(spec?.selector);
  } catch {
    return Selector.nothing;
  }
}

function selectorText(budget: PodDisruptionBudget | undefined): string | undefined {
  return JSON.stringify(budget?.spec?.selector);
}

function countAlike(a: Pod, b: Pod): boolean {
  const view = (pod: Pod) => [pod.metadata.deletionTimestamp, isReady(pod), controllerOf(pod)?.uid].join();
  return view(a) === view(b);
}
