import { KeyedMutex } from '@berth/kit';
import type { Pod, ResourceQuota } from '@berth/kube';
import { type Amounts, amountsOf, listOf, minus, only, plus } from '../../../quota/amounts.ts';
import { isInScope, isTerminating } from '../../../quota/scopes.ts';
import { unsaid, usageOf } from '../../../quota/usage.ts';
import type { ObjectStorage } from '../../object-storage.ts';
import type { AnyObject } from '../../resource-definition.ts';
import { forbidden } from '../../resource-errors.ts';
import type { ServerContext } from '../../server-context.ts';
import type { StoredObject } from '../../stored-object.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts';

/** Updates of other kinds take nothing more, but of pods that come into another scope. */
const growing = new Set(['persistentvolumeclaims', 'services']);
/** Upstream's: another server, or the controller, may write the same quota. */
const tries = 3;

/**
 * Keeps what a namespace has within its ResourceQuotas: what is asked for is written to their status before it is made
 * (admission ResourceQuota). Requests of one namespace take turns, so that two cannot have the same room.
 */
export function resourceQuota(context: ServerContext): AdmissionPlugin {
  const turns = new KeyedMutex();
  const admit = async (storage: ObjectStorage, request: AdmissionRequest) => {
    const { namespace } = request;
    // As this server knows it: most namespaces have none, and need not ask a store elsewhere.
    if ((await storage.range({ namespace, limit: 1, notOlderThan: 0 })).objects.length === 0) return;
    await turns.run(namespace, () => charge(storage, request));
  };
  return (request) => {
    const storage = context.storageOf('', 'resourcequotas');
    if (!storage?.mayHaveAny() || !isCounted(request)) return;
    return admit(storage, request);
  };
}

function isCounted({ definition, operation, subresource, namespace, object, old }: AdmissionRequest): boolean {
  if (namespace === '' || !definition.namespaced || !definition.stored || operation === 'delete') return false;
  if (operation === 'create') return subresource === '';
  const { group, plural } = definition;
  if (group !== '') return false;
  if (plural !== 'pods') return subresource === '' && growing.has(plural);
  if (subresource !== '') return subresource === 'resize';
  return old !== undefined && isTerminating(old as unknown as Pod) !== isTerminating(object as unknown as Pod);
}

async function charge(storage: ObjectStorage, request: AdmissionRequest): Promise<void> {
  const { definition, object, old, namespace, name, dryRun } = request;
  const usage = usageOf(definition, object);
  const grown = minus(usage, old ? usageOf(definition, old) : new Map());
  // What comes into a quota's scopes takes all of it there.
  const deltaOf = ({ spec = {} }: ResourceQuota) => (old && isInScope(spec, definition.plural, old) ? grown : usage);
  for (let attempt = 1; ; attempt++) {
    const { objects } = await storage.range({ namespace });
    const writes = objects.flatMap((stored) => {
      const quota = stored.object as unknown as ResourceQuota;
      const used = check(request, quota, deltaOf(quota));
      return used ? [{ stored, used }] : [];
    });
    if (dryRun || (await written(storage, writes))) return;
    if (attempt === tries)
      throw forbidden(definition, name, 'the quota was changed by others at the same time; please try again');
  }
}

/** What a quota has used once the object is there; undefined where it does not count it. @throws ApiError Forbidden */
function check(
  { definition, name, object }: AdmissionRequest,
  quota: ResourceQuota,
  delta: Amounts,
): Amounts | undefined {
  const { plural, group } = definition;
  // One that was never counted limits nothing yet.
  const hard = amountsOf(quota.status?.hard);
  const asked = new Map([...only(delta, hard.keys())].filter(([, quantity]) => quantity.sign > 0));
  const given = new Map([...only(delta, hard.keys())].filter(([, quantity]) => !quantity.isZero));
  if (!isInScope(quota.spec ?? {}, plural, object)) return undefined;
  const why = group === '' && plural === 'pods' ? unsaid(object as unknown as Pod, hard.keys()) : undefined;
  if (why !== undefined) throw forbidden(definition, name, `failed quota: ${quota.metadata.name}: ${why}`);
  if (given.size === 0) return undefined;
  const used = amountsOf(quota.status?.used);
  const unknown = [...asked.keys()].filter((each) => !used.has(each)).sort();
  if (unknown.length > 0) {
    throw forbidden(
      definition,
      name,
      `status unknown for quota: ${quota.metadata.name}, resources: ${unknown.join(',')}`,
    );
  }
  const next = plus(used, given);
  const over = [...asked.keys()].filter((each) => (next.get(each)?.compare(hard.get(each)!) ?? 0) > 0).sort();
  if (over.length === 0) return next;
  const texts = [asked, used, hard].map((amounts) => over.map((each) => `${each}=${amounts.get(each) ?? 0}`).join(','));
  throw forbidden(
    definition,
    name,
    `exceeded quota: ${quota.metadata.name}, requested: ${texts[0]}, used: ${texts[1]}, limited: ${texts[2]}`,
  );
}

async function written(
  storage: ObjectStorage,
  writes: readonly { readonly stored: StoredObject; readonly used: Amounts }[],
): Promise<boolean> {
  for (const { stored, used } of writes) {
    const { object } = stored;
    const next = {
      ...object,
      status: { ...(object['status'] as object | undefined), used: listOf(used) },
    } as AnyObject;
    if (!(await storage.replace(stored, next))) return false;
  }
  return true;
}
