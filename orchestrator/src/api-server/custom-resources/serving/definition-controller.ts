import { Backoff, messageOf, runController, WorkQueue } from '@berth/kit';
import { type CustomResourceDefinition, copyJson } from '@berth/kube';
import { isHeavy } from '../../aside/heavy-work.ts';
import { breathe } from '../../decoding/large-bodies.ts';
import type { ObjectStorage } from '../../object-storage.ts';
import type { AnyObject } from '../../resource-definition.ts';
import { semanticEqual } from '../../resources/equality.ts';
import type { ServerContext } from '../../server-context.ts';
import type { StoredObject } from '../../stored-object.ts';
import { approvalCondition } from '../definition/approval.ts';
import { bundleProblem } from '../definition/ca-bundle.ts';
import {
  type Condition,
  findCondition,
  isConditionTrue,
  isSameCondition,
  withCondition,
} from '../definition/conditions.ts';
import { acceptNames } from './definition-names.ts';
import { finalizeDefinition } from './finalize-definition.ts';
import { ServedDefinitions } from './served-definitions.ts';
import { structureCondition } from './structure-condition.ts';
import { trackStatus } from './track-status.ts';

export interface DefinitionRun {
  readonly context: ServerContext;
  readonly storage: ObjectStorage;
  readonly signal: AbortSignal;
  /** Serves them and writes nothing. */
  readonly follows?: boolean;
}

/**
 * Gives CustomResourceDefinitions their names, establishes and serves them, and ends them with their instances: what
 * upstream's naming, establishing, non-structural schema, approval and finalizing controllers do, in their order of writes.
 */
export class DefinitionController implements AsyncDisposable {
  readonly #run: DefinitionRun;
  readonly #queue: WorkQueue<string>;
  readonly #known = new Map<string, CustomResourceDefinition>();
  readonly #served: ServedDefinitions;
  readonly #structures = new Map<string, number>();
  readonly #done: Promise<void>;

  constructor(run: DefinitionRun) {
    const { clock, rng, log, metrics } = run.context;
    this.#run = run;
    this.#served = new ServedDefinitions(run.context);
    // client-go's default rate limit of retries.
    const backoff = new Backoff({ initialMs: 5, maxMs: 1_000_000, rng });
    const observer = metrics.queues.observer('customresourcedefinition');
    this.#queue = new WorkQueue({ clock, backoff, observer });
    this.#done = runController({
      name: 'customresourcedefinition',
      queue: this.#queue,
      reconcile: (name) => this.#reconcile(name),
      workers: 2,
      log,
      signal: run.signal,
    });
  }

  /** A definition as it stands in the store; served at once where it is established. */
  set(object: AnyObject): void {
    const crd = object as unknown as CustomResourceDefinition;
    const name = crd.metadata.name as string;
    this.#known.set(name, crd);
    try {
      this.#served.set(crd);
    } catch (error) {
      this.#run.context.log.error('a custom resource definition cannot be served', { name, reason: messageOf(error) });
    }
    if (!this.#run.follows) this.#queue.add(name);
  }

  remove(object: AnyObject): void {
    const name = object.metadata.name as string;
    const group = this.#known.get(name)?.spec.group;
    this.#known.delete(name);
    this.#structures.delete(name);
    this.#served.remove(name);
    this.#reconsider(group, name);
  }

  /** Before all are told again: what is not told then is gone. */
  reset(): void {
    for (const name of this.#known.keys()) this.#served.remove(name);
    this.#known.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue[Symbol.asyncDispose]();
    await this.#done;
    this.#served[Symbol.dispose]();
  }

  /** Others of the group may now have names they had to do without. */
  #reconsider(group: string | undefined, except: string): void {
    if (this.#run.follows) return;
    for (const [name, { spec }] of this.#known) if (spec.group === group && name !== except) this.#queue.add(name);
  }

  async #reconcile(name: string): Promise<undefined> {
    const { context, storage, signal } = this.#run;
    const stored = await storage.find('', name);
    if (!stored) return undefined;
    const crd = stored.object as unknown as CustomResourceDefinition;
    const steps = [
      () => this.#settleNames(stored, crd),
      () => this.#settleStructure(stored, crd),
      () => this.#settleApproval(stored, crd),
      () => this.#establish(stored, crd),
    ];
    let isWritten = false;
    for (const step of steps) {
      if (isHeavy(stored.kv, {})) await breathe();
      isWritten ||= await step();
    }
    // What was written comes again.
    if (!isWritten && crd.metadata.deletionTimestamp) await finalizeDefinition({ context, storage, signal }, name);
    return undefined;
  }

  /** True: it was written, and comes again. */
  async #settleNames(stored: StoredObject, crd: CustomResourceDefinition): Promise<boolean> {
    if (semanticEqual(crd.spec.names, crd.status?.acceptedNames)) return false;
    const others = [...this.#known.values()].filter(
      ({ spec, metadata }) => spec.group === crd.spec.group && metadata.name !== crd.metadata.name,
    );
    const { names, accepted, established } = acceptNames(crd, others);
    const isSettled =
      semanticEqual(names, crd.status?.acceptedNames) && isSameCondition(accepted, findCondition(crd, 'NamesAccepted'));
    if (isSettled) return false;
    const written = await this.#write(stored, [accepted, established], (next) => {
      next['status'].acceptedNames = names;
    });
    if (written) this.#reconsider(crd.spec.group, crd.metadata.name as string);
    return true;
  }

  async #settleStructure(stored: StoredObject, crd: CustomResourceDefinition): Promise<boolean> {
    const { name = '', generation = 0 } = crd.metadata;
    if ((this.#structures.get(name) ?? -1) >= generation) return false;
    const condition = await structureCondition(crd);
    const old = findCondition(crd, 'NonStructuralSchema');
    if (condition ? isSameCondition(condition, old) : !old) {
      this.#structures.set(name, generation);
      return false;
    }
    if (condition) return this.#write(stored, [condition]);
    return this.#write(stored, [], (next) => {
      next['status'].conditions = next['status'].conditions.filter(
        ({ type }: Condition) => type !== 'NonStructuralSchema',
      );
    });
  }

  async #settleApproval(stored: StoredObject, crd: CustomResourceDefinition): Promise<boolean> {
    const condition = approvalCondition(crd);
    if (!condition || isSameCondition(condition, findCondition(crd, condition.type))) return false;
    return this.#write(stored, [condition]);
  }

  async #establish(stored: StoredObject, crd: CustomResourceDefinition): Promise<boolean> {
    if (!isConditionTrue(crd, 'NamesAccepted') || isConditionTrue(crd, 'Established')) return false;
    const type = 'Established';
    const bundle = crd.spec.conversion?.webhook?.clientConfig?.caBundle;
    const condition: Condition =
      bundleProblem(bundle) === undefined
        ? { type, status: 'True', reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' }
        : { type, status: 'False', reason: 'InvalidCABundle', message: 'The conversion webhook CABundle is invalid' };
    if (isSameCondition(condition, findCondition(crd, type))) return false;
    return this.#write(stored, [condition]);
  }

  /** Compare-and-write; who comes second is called again by the event of who came first. */
  async #write(
    stored: StoredObject,
    conditions: readonly Condition[],
    change: (next: AnyObject) => void = () => undefined,
  ): Promise<boolean> {
    const { context, storage } = this.#run;
    // Definitions may be large, and only their status changes.
    const next: AnyObject = { ...stored.object, metadata: { ...stored.object.metadata } };
    next['status'] = copyJson(stored.object['status'] ?? {});
    next['status'].conditions ??= [];
    for (const condition of conditions)
      next['status'].conditions = withCondition(next['status'].conditions, condition, context.clock.now());
    change(next);
    await storage.replace(stored, trackStatus(context, stored, next));
    return true;
  }
}
