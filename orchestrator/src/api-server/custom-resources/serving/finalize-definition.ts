import { deadline, isAbort, messageOf } from '@berth/kit';
import type { CustomResourceDefinition } from '@berth/kube';
import { deletingCost } from '../../decoding/costs.ts';
import { turns } from '../../decoding/turns.ts';
import type { ObjectStorage } from '../../object-storage.ts';
import { RecentValues } from '../../recent-values.ts';
import type { AnyObject } from '../../resource-definition.ts';
import type { StoredObject } from '../../stored-object.ts';
import { planDeletion } from '../../verbs/delete-object.ts';
import { cleanupFinalizer } from '../definition/cleanup-finalizer.ts';
import {
  type Condition,
  findCondition,
  isConditionTrue,
  isSameCondition,
  withCondition,
} from '../definition/conditions.ts';
import { customDefinitions } from './custom-definitions.ts';
import type { DefinitionRun } from './definition-controller.ts';
import { trackStatus } from './track-status.ts';

/** How long one try waits for instances that something holds; upstream's. */
const waitMs = 60_000;
const type = 'Terminating';

/**
 * Ends a definition that is being deleted: its instances first, then its finalizer (apiextensions crd_finalizer).
 * @throws Error – something is left; to be tried again.
 */
export async function finalizeDefinition(run: DefinitionRun, name: string): Promise<void> {
  const { storage } = run;
  const stored = await storage.find('', name);
  const crd = stored?.object as unknown as CustomResourceDefinition | undefined;
  if (!stored || !crd?.metadata.deletionTimestamp || !crd.metadata.finalizers?.includes(cleanupFinalizer)) return;
  const progress = {
    type,
    status: 'True',
    reason: 'InstanceDeletionInProgress',
    message: 'CustomResource deletion is in progress',
  } as const;
  const begun = isSameCondition(progress, findCondition(crd, type))
    ? stored
    : await setCondition(run, stored, progress);
  if (!begun) return;
  if (!isConditionTrue(crd, 'Established')) {
    await finish(run, begun, {
      type,
      status: 'False',
      reason: 'NeverEstablished',
      message: 'resource was never established',
    });
    return;
  }
  const failure = await deleteInstances(run, crd);
  if (failure) {
    if (!run.signal.aborted) await setCondition(run, begun, failure);
    throw new Error(failure.message);
  }
  await finish(run, begun, {
    type,
    status: 'False',
    reason: 'InstanceDeletionCompleted',
    message: 'removed all instances',
  });
}

async function setCondition(
  { context, storage }: DefinitionRun,
  stored: StoredObject,
  condition: Condition,
): Promise<StoredObject | undefined> {
  return storage.replace(stored, trackStatus(context, stored, having(stored.object, condition, context.clock.now())));
}

/** Definitions may be large: what does not change is shared. */
function having(object: AnyObject, condition: Condition, now: number): AnyObject {
  const { status, metadata } = object;
  const conditions = withCondition(status.conditions ?? [], condition, now);
  return { ...object, metadata: { ...metadata }, status: { ...status, conditions } };
}

/** Takes the finalizer off: with the last one the definition is gone. */
async function finish({ context, storage }: DefinitionRun, stored: StoredObject, condition: Condition): Promise<void> {
  const left = (stored.object.metadata.finalizers ?? []).filter((finalizer) => finalizer !== cleanupFinalizer);
  if (left.length === 0) {
    await storage.remove(stored);
    return;
  }
  const next = having(stored.object, condition, context.clock.now());
  next.metadata.finalizers = left;
  await storage.replace(stored, trackStatus(context, stored, next));
}

/** Undefined: none is left. */
async function deleteInstances(run: DefinitionRun, crd: CustomResourceDefinition): Promise<Condition | undefined> {
  const failed = (reason: string, message: string): Condition => ({ type, status: 'True', reason, message });
  const storage = instancesOf(run, crd);
  if (!storage) return undefined;
  try {
    for (const stored of (await storage.range({ namespace: '' })).objects) {
      // The store may answer hundreds in one turn.
      const pause = turns.goOn(deletingCost(stored));
      if (pause) await pause;
      await deleteInstance(run, storage, stored);
    }
  } catch (error) {
    return failed('InstanceDeletionFailed', `could not issue all deletes: ${messageOf(error)}`);
  }
  try {
    await whenEmpty(run, storage);
    return undefined;
  } catch (error) {
    const why = isAbort(error) || !(error instanceof Error) ? 'timed out waiting for the condition' : error.message;
    return failed('InstanceDeletionCheck', `could not confirm zero CustomResources remaining: ${why}`);
  }
}

/** The instances, in the version they are stored in, whether any is served or not. */
function instancesOf({ context, signal }: DefinitionRun, crd: CustomResourceDefinition): ObjectStorage | undefined {
  const versions = (crd.spec.versions ?? []).map((version) => ({ ...version, served: true }));
  const parts = { ended: signal, convert: undefined, times: context.expressions };
  const all = customDefinitions({ ...crd, spec: { ...crd.spec, versions } }, parts);
  const stored = all.find(({ version, custom }) => version === custom?.storageVersion);
  return stored?.custom?.storage(context.store, new RecentValues());
}

async function deleteInstance({ context }: DefinitionRun, storage: ObjectStorage, stored: StoredObject): Promise<void> {
  let current: StoredObject | undefined = stored;
  while (current) {
    const options = { dryRun: false, gracePeriodSeconds: undefined, propagationPolicy: undefined, preconditions: {} };
    const plan = planDeletion({
      definition: storage.definition,
      old: current.object,
      options,
      now: context.clock.now(),
    });
    if (plan === 'pending') return;
    const done: StoredObject | undefined =
      plan === 'remove' ? await storage.remove(current) : await storage.replace(current, plan);
    if (done) return;
    const { namespace = '', name = '' } = current.object.metadata;
    current = await storage.find(namespace, name);
  }
}

async function whenEmpty({ context, signal }: DefinitionRun, storage: ObjectStorage): Promise<void> {
  using limit = deadline(context.clock, waitMs, signal);
  const { revision, objects } = await storage.range({ namespace: '', limit: 1 });
  if (objects.length === 0) return;
  for await (const _ of storage.watch('', revision, limit.signal)) {
    if ((await storage.range({ namespace: '', limit: 1 })).objects.length === 0) return;
  }
  throw new Error('timed out waiting for the condition');
}
