import { messageOf } from '@berth/kit';
import {
  type Informer,
  isConflict,
  isNotFound,
  type LabelSelector,
  type Pod,
  type PodDisruptionBudget,
  resources,
  Selector,
  splitKey,
} from '@berth/kube';
import { goSelectorText } from '../../api-server/resources/label-selector.ts';
import type { BudgetStatus } from '../../disruption-allowed.ts';
import { type ControllerDeps, RunningController } from '../controller-deps.ts';
import { failedStatus, reckon } from './budget-status.ts';
import { ControllerScales } from './controller-scales.ts';
import { CoveredPods } from './covered-pods.ts';
import { type Expected, expectedPods } from './expected-pods.ts';
import { startStaleDisruptions } from './stale-disruptions.ts';

const component = 'controllermanager';

/**
 * Says in PodDisruptionBudgets how many pods may be evicted (pkg/controller/disruption). Unlike upstream's, a pod that is for several budgets, or
 * for one no longer, is counted again in each.
 */
export function startDisruptionController(deps: ControllerDeps, signal: AbortSignal): AsyncDisposable {
  const budgets = deps.informers.of(resources.poddisruptionbudgets);
  const pods = deps.informers.of(resources.pods);
  const covered = new CoveredPods(pods);
  const statuses = new BudgetStatuses(deps, { budgets, covered }, signal);
  const controller = new RunningController(
    deps,
    { name: 'disruption', reconcile: (key) => statuses.reconcile(key) },
    signal,
  );
  budgets.onChange((key, change) => {
    covered.noteBudget(key, change);
    if (change.after) controller.queue.add(key);
  });
  pods.onChange((key, change) => {
    const { touched, covering } = covered.notePod(key, change);
    for (const budget of touched) controller.queue.add(budget);
    if (touched.length > 0 && covering.length > 1) tellSeveral(deps, change.after as Pod, covering[0] as string);
  });
  const stale = startStaleDisruptions(deps, signal);
  return {
    [Symbol.asyncDispose]: async () => {
      await stale[Symbol.asyncDispose]();
      await controller[Symbol.asyncDispose]();
    },
  };
}

class BudgetStatuses {
  readonly #deps: ControllerDeps;
  readonly #budgets: Informer<PodDisruptionBudget>;
  readonly #covered: CoveredPods;
  readonly #scales: ControllerScales;
  readonly #signal: AbortSignal;

  constructor(
    deps: ControllerDeps,
    { budgets, covered }: { budgets: Informer<PodDisruptionBudget>; covered: CoveredPods },
    signal: AbortSignal,
  ) {
    this.#deps = deps;
    this.#budgets = budgets;
    this.#covered = covered;
    this.#scales = new ControllerScales(deps);
    this.#signal = signal;
  }

  async reconcile(key: string): Promise<{ afterMs: number } | undefined> {
    const budget = this.#budgets.get(key);
    if (!budget) return undefined;
    try {
      return await this.#sync(budget);
    } catch (error) {
      // One that was changed meanwhile is reckoned again as it is by then.
      if (isConflict(error) || this.#signal.aborted) throw error;
      this.#deps.log.warn('a disruption budget allows nothing, as it cannot be reckoned', { budget: key, error });
      await this.#write(budget, failedStatus(budget, messageOf(error), this.#deps.clock.now()));
      return undefined;
    }
  }

  async #sync(budget: PodDisruptionBudget): Promise<{ afterMs: number } | undefined> {
    const pods = this.#podsOf(budget);
    const expected = await this.#expected(budget, pods);
    const { status, recheckMs, overdue } = reckon(budget, pods, expected, this.#deps.clock.now());
    const { namespace, name } = budget.metadata;
    const late = `Pod was expected by PDB ${namespace}/${name} to be deleted but it wasn't`;
    for (const pod of overdue) this.#deps.recorder(component).event(pod, 'Warning', 'NotDeleted', late);
    if (status) await this.#write(budget, status);
    return recheckMs === undefined ? undefined : { afterMs: recheckMs };
  }

  #podsOf(budget: PodDisruptionBudget): Pod[] {
    try {
      Selector.fromObject(budget.spec?.selector);
    } catch (error) {
      this.#event(budget, 'Warning', 'NoPods', `Failed to get pods: ${messageOf(error)}`);
      throw error;
    }
    const pods = this.#covered.of(budget);
    if (pods.length === 0) this.#event(budget, 'Normal', 'NoPods', 'No matching pods found');
    return pods;
  }

  async #expected(budget: PodDisruptionBudget, pods: readonly Pod[]): Promise<Expected> {
    try {
      const scaleOf = this.#scales.of.bind(this.#scales);
      const expected = await expectedPods(budget, pods, (owner, namespace) => scaleOf(owner, namespace, this.#signal));
      if (expected.hasUnmanaged) this.#event(budget, 'Warning', 'UnmanagedPods', unmanaged(budget.spec?.selector));
      return expected;
    } catch (error) {
      const why = `Failed to calculate the number of expected pods: ${messageOf(error)}`;
      this.#event(budget, 'Warning', 'CalculateExpectedPodCountFailed', why);
      throw error;
    }
  }

  async #write(budget: PodDisruptionBudget, status: BudgetStatus): Promise<void> {
    try {
      await this.#deps.client.updateStatus(resources.poddisruptionbudgets, { ...budget, status }, this.#signal);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #event(budget: PodDisruptionBudget, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#deps.recorder(component).event(budget, type, reason, message);
  }
}

function tellSeveral({ recorder }: ControllerDeps, pod: Pod, chosen: string): void {
  const { namespace, name } = pod.metadata;
  const budget = splitKey(chosen).name;
  const message = `Pod "${namespace}"/"${name}" matches multiple PodDisruptionBudgets.  Chose "${budget}" arbitrarily.`;
  recorder(component).event(pod, 'Warning', 'MultiplePodDisruptionBudgets', message);
}

function unmanaged(selector: LabelSelector | undefined): string {
  return `Pods selected by this PodDisruptionBudget (selector: ${goSelectorText(selector)}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`;
}
