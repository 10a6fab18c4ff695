import { apiError, isConflict, type Pod, type PodCondition } from '@berth/kube';
import { disruptionTarget } from '../../pod-disruption.ts';
import {
  checkedDeleteOptions,
  type DeleteOptions,
  type GivenDeleteOptions,
  readDeleteOptions,
} from '../delete-options.ts';
import { invalid as invalidObject } from '../invalid.ts';
import { ensureNamespace } from '../object-rules.ts';
import type { AnyObject } from '../resource-definition.ts';
import { invalid } from '../resources/field.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import { checkPreconditions, deleteChecked } from '../verbs/delete-object.ts';
import { requireObject } from '../verbs/get-object.ts';
import { writeOptionsOf } from '../write-options.ts';
import { admitAction } from './admit-action.ts';
import { editStored } from './edit-stored.ts';
import { beingProcessed, spendDisruption } from './spend-disruption.ts';
import { success } from './success.ts';

const evicting = { reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' };
const kind = { group: 'policy', version: 'v1', kind: 'Eviction', schema: 'io.k8s.api.policy.v1.Eviction' };

/** POST of an Eviction: a deletion that respects disruption budgets (registry/core/pod EvictionREST). */
export async function evictPod(context: ServerContext, route: ResourceRoute, request: ServerRequest): Promise<Answer> {
  const { definition, namespace, name } = route;
  const written = writeOptionsOf(request.query, 'CreateOptions');
  const eviction = await context.bodies.anyVersion(request, kind, written.fieldValidation);
  ensureNamespace(eviction, true, namespace);
  if (eviction.metadata.name !== name)
    throw apiError('BadRequest', 'name in URL does not match name in Eviction object');
  if (eviction['deleteOptions']?.ignoreStoreReadErrorWithClusterBreakingPotential) {
    const field = 'deleteOptions.ignoreStoreReadErrorWithClusterBreakingPotential';
    const why = 'can not be set for pod eviction, try after removing the option';
    throw invalidObject(kind, name, [invalid(field, true, why)]);
  }
  const body = { type: 'value', value: eviction['deleteOptions'] ?? {} } as const;
  // It is the eviction that is written down.
  const { audit: _, ...unaudited } = request;
  const given = withDryRun(await readDeleteOptions({ ...unaudited, body }, context.bodies), request);
  await admitAction(context, { route, request }, { object: eviction, name, options: written });
  const { object: pod } = await requireObject(context, route);
  const options = checkedDeleteOptions(given);
  const unhealthyUnder = mayGoUnasked(pod) ? undefined : await spendDisruption(context, pod, options.dryRun);
  const deletion = unhealthyUnder === undefined ? options : ofRevision(options, pod);
  try {
    const told = deletion.dryRun ? deletion : await tellDisruption(context, route, deletion);
    const of = { definition, namespace, name, user: request.user };
    await deleteChecked(context, { ...of, admitted: true, options: told });
  } catch (error) {
    // It may be healthy by now.
    if (unhealthyUnder === undefined || !isConflict(error) || options.preconditions.resourceVersion) throw error;
    throw beingProcessed(unhealthyUnder);
  }
  return success();
}

/** What the request says holds for the deletion, too (propagateDryRun). @throws ApiError Unknown – they say different things. */
function withDryRun(given: GivenDeleteOptions, { query }: ServerRequest): GivenDeleteOptions {
  const asked = query.getAll('dryRun');
  if (given.dryRun.length === 0) return { ...given, dryRun: asked };
  if (asked.length === 0 || asked.join('\n') === given.dryRun.join('\n')) return given;
  const both = `[${asked.join(' ')}] and [${given.dryRun.join(' ')}]`;
  throw apiError('Unknown', `Non-matching dry-run options in request and content: ${both}`, { code: 500 });
}

function ofRevision(options: DeleteOptions, { metadata: { resourceVersion = '' } }: AnyObject): DeleteOptions {
  return { ...options, preconditions: { ...options.preconditions, resourceVersion } };
}

/** Says in the pod that it was evicted, before it is deleted: Jobs tell such ends from failures (addConditionAndDeletePod). */
async function tellDisruption(
  context: ServerContext,
  { definition, namespace, name }: ResourceRoute,
  options: DeleteOptions,
): Promise<DeleteOptions> {
  const edit = (pod: AnyObject) => {
    checkPreconditions(definition, pod, options);
    const conditions: PodCondition[] = pod.status?.conditions ?? [];
    const others = conditions.filter(({ type }) => type !== 'DisruptionTarget');
    pod.status = {
      ...pod.status,
      conditions: [...others, disruptionTarget(pod as Pod, evicting, context.clock.now())],
    };
  };
  const marked = await editStored(context, { definition, namespace, name, dryRun: false, edit });
  if (options.preconditions.resourceVersion === undefined) return options;
  // What it says by now: this write is no reason to refuse the deletion.
  return ofRevision(options, 'object' in marked ? (marked.object as AnyObject) : (marked as AnyObject));
}

/** Pods that have ended, or not begun, or are going already disturb nobody. */
function mayGoUnasked({ metadata, status }: AnyObject): boolean {
  return ['Succeeded', 'Failed', 'Pending'].includes(status?.phase) || metadata.deletionTimestamp !== undefined;
}
