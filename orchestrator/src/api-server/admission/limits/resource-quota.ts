import { KeyedMutex } from '@berth/kit';
import type { Pod, ResourceQuota } from '@berth/kube';
import { type Amounts, amountsOf, listOf, minus, only, plus } from '../../../quota/amounts.ts';
import { isInScope, isTerminating } from '../../../quota/scopes.ts';
import { unsaid, usageOf } from '../../../quota/usage.ts';
import type { ObjectStorage } from '../../object-storage.ts';
import type { AnyObject } from '../../resource-definition.ts';
import { forbidden, modified } from '../../resource-errors.ts';
import type { ServerContext } from '../../server-context.ts';
import type { StoredObject } from '../../stored-object.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts';
import type { LimitedResource } from './quota-configuration.ts';
import { requireCover } from './require-cover.ts';

/** Updates of other kinds take nothing more, but of pods that come into another scope. */
const growing = new Set(['persistentvolumeclaims', 'services']);
/** No quota has ever counted them (quota/v1/install DefaultIgnoredResources). */
const uncountedEvents = new Set(['', 'events.k8s.io']);
/** Upstream's: another server, or the controller, may write the same quota. */
const tries = 4;

/**
 * Keeps what a namespace has within its ResourceQuotas: what is asked for is written to their status before it is made
 * (admission ResourceQuota). Requests of one namespace take turns, so that two cannot have the same room.
 */
export function resourceQuota(context: ServerContext, limited: readonly LimitedResource[]): AdmissionPlugin {
  const turns = new KeyedMutex();
  const needed = limited.length > 0;
  const admit = async (storage: ObjectStorage, request: AdmissionRequest) => {
    const { namespace } = request;
    // As this server knows it: most namespaces have none, and need not ask a store elsewhere.
    if (!needed && (await storage.range({ namespace, limit: 1, notOlderThan: 0 })).objects.length === 0) return;
    await turns.run(namespace, () => charge(storage, request, limited));
  };
  return (request) => {
    const storage = context.storageOf('', 'resourcequotas');
    if (!storage || !(needed || storage.mayHaveAny()) || !isCounted(request)) return;
    return admit(storage, request);
  };
}

function isCounted({ definition, operation, subresource, namespace, object, old }: AdmissionRequest): boolean {
  if (namespace === '' || !definition.namespaced || !definition.stored || operation === 'delete') return false;
  const { group, plural } = definition;
  if (operation === 'create') return subresource === '' && !(plural === 'events' && uncountedEvents.has(group));
  if (group !== '') return false;
  if (plural !== 'pods') return subresource === '' && growing.has(plural);
  if (subresource !== '') return subresource === 'resize';
  return old !== undefined && isTerminating(old as unknown as Pod) !== isTerminating(object as unknown as Pod);
}

async function charge(
  storage: ObjectStorage,
  request: AdmissionRequest,
  limited: readonly LimitedResource[],
): Promise<void> {
  const { definition, object, old, operation, namespace, dryRun } = request;
  const usage = usageOf(definition, object);
  const grown = minus(usage, old ? usageOf(definition, old) : new Map());
  // What comes into a quota's scopes takes all of it there.
  const deltaOf = ({ spec = {} }: ResourceQuota) => (old && isInScope(spec, definition.plural, old) ? grown : usage);
  const charged = new Set<string>();
  for (let attempt = 1; ; attempt++) {
    const { objects } = await storage.range({ namespace });
    const quotas = objects.map((stored) => ({ stored, quota: stored.object as unknown as ResourceQuota }));
    const counting = quotas.filter(({ quota }) => counts(request, quota, deltaOf(quota)));
    const takesMore = operation === 'create' || [...grown.values()].some(({ sign }) => sign > 0) || counting.length > 0;
    if (limited.length > 0 && takesMore)
      requireCover(
        request,
        { limited, usage },
        quotas.map(({ quota }) => quota),
      );
    const writes = counting
      .filter(({ quota }) => !charged.has(quota.metadata.name ?? ''))
      .map(({ stored, quota }) => ({ stored, used: used(request, quota, deltaOf(quota)) }));
    if (dryRun) return;
    const lost = await write(storage, writes, charged);
    if (lost === undefined) return;
    if (attempt === tries) throw modified(storage.definition, lost);
  }
}

/** Whether a quota counts something of `delta`. @throws ApiError Forbidden – it cannot be counted */
function counts({ definition, name, object }: AdmissionRequest, quota: ResourceQuota, delta: Amounts): boolean {
  const { plural, group } = definition;
  // One that was never counted limits nothing yet.
  const hard = amountsOf(quota.status?.hard);
  if (!isInScope(quota.spec ?? {}, plural, object)) return false;
  const why = group === '' && plural === 'pods' ? unsaid(object as unknown as Pod, hard.keys()) : undefined;
  if (why !== undefined) throw forbidden(definition, name, `failed quota: ${quota.metadata.name}: ${why}`);
  const given = countedOf(delta, hard);
  const known = amountsOf(quota.status?.used);
  const unknown = askedOf(given).filter((each) => !known.has(each));
  if (unknown.length === 0) return given.size > 0;
  throw forbidden(
    definition,
    name,
    `status unknown for quota: ${quota.metadata.name}, resources: ${unknown.sort().join(',')}`,
  );
}

/** What a quota has used once the object is there. @throws ApiError Forbidden – there is no room for it */
function used({ definition, name }: AdmissionRequest, quota: ResourceQuota, delta: Amounts): Amounts {
  const [hard, before] = [amountsOf(quota.status?.hard), amountsOf(quota.status?.used)];
  const given = countedOf(delta, hard);
  const next = plus(before, given);
  const over = askedOf(given)
    .filter((each) => (next.get(each)?.compare(hard.get(each)!) ?? 0) > 0)
    .sort();
  if (over.length === 0) return next;
  const texts = [given, before, hard].map((amounts) =>
    over.map((each) => `${each}=${amounts.get(each) ?? 0}`).join(','),
  );
  throw forbidden(
    definition,
    name,
    `exceeded quota: ${quota.metadata.name}, requested: ${texts[0]}, used: ${texts[1]}, limited: ${texts[2]}`,
  );
}

/** What of `delta` is limited. */
function countedOf(delta: Amounts, hard: Amounts): Amounts {
  return new Map([...only(delta, hard.keys())].filter(([, quantity]) => !quantity.isZero));
}

/** The names of what there is more of. */
function askedOf(given: Amounts): string[] {
  return [...given].flatMap(([each, quantity]) => (quantity.sign > 0 ? [each] : []));
}

/** Puts the names of those it writes into `charged`. The name of the last one that others changed at the same time, if there is one. */
async function write(
  storage: ObjectStorage,
  writes: readonly { readonly stored: StoredObject; readonly used: Amounts }[],
  charged: Set<string>,
): Promise<string | undefined> {
  let lost: string | undefined;
  for (const { stored, used } of writes) {
    const { object } = stored;
    const { name = '' } = object.metadata;
    const next = {
      ...object,
      status: { ...(object['status'] as object | undefined), used: listOf(used) },
    } as AnyObject;
    if (await storage.replace(stored, next)) charged.add(name);
    else lost = name;
  }
  return lost;
}
