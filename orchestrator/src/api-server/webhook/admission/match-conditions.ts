import type { AdmissionRequest } from '../../admission/admission.ts';
import { evaluatingCost } from '../../decoding/costs.ts';
import { turns } from '../../decoding/turns.ts';
import { forbidden } from '../../resource-errors.ts';
import { type HookParts, reviewedObjects } from './call-hook.ts';
import type { Invocation } from './invocation.ts';
import { requestFields } from './review.ts';
import { namespaceOf } from './selected-by.ts';

/**
 * Whether all of a webhook's match conditions hold.
 * @throws ApiError Forbidden – one cannot be evaluated, none is false, and the webhook's policy is Fail.
 */
export async function conditionsMatch(
  invocation: Invocation,
  request: AdmissionRequest,
  { context, authorizer }: HookParts,
): Promise<boolean> {
  const { hook, definition } = invocation;
  const { matchConditions = [], failurePolicy } = hook.webhook;
  if (matchConditions.length === 0) return true;
  const { object, oldObject } = await reviewedObjects(invocation, request);
  const namespace = namespaceOf(request);
  const found = namespace === '' ? undefined : await context.storageOf('', 'namespaces')?.find('', namespace);
  const conditions = await hook.conditions();
  const pause = turns.goOn(evaluatingCost(hook.webhook));
  if (pause) await pause;
  const verdict = await conditions.match(
    {
      request: requestFields(definition, request),
      object,
      oldObject,
      user: request.user,
      authorizer,
      namespaceObject: found?.object ?? null,
    },
    failurePolicy === 'Ignore' ? 'Ignore' : 'Fail',
  );
  if (verdict.type === 'error') throw forbidden(request.definition, request.name, verdict.message);
  return verdict.type === 'match';
}
