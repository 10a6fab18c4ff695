import type { AdmissionRequest } from '../../admission/admission.ts';
import { forbidden } from '../../resource-errors.ts';
import type { HookParts } from './call-hook.ts';
import type { Invocation } from './invocation.ts';

/**
 * Whether all of a webhook's match conditions hold.
 * @throws ApiError Forbidden – one cannot be evaluated, none is false, and the webhook's policy is Fail.
 */
export async function conditionsMatch(
  { hook }: Invocation,
  request: AdmissionRequest,
  _parts: HookParts,
): Promise<boolean> {
  const { matchConditions = [], failurePolicy } = hook.webhook;
  if (matchConditions.length === 0) return true;
  if (failurePolicy === 'Ignore') return false;
  throw forbidden(request.definition, request.name, 'match conditions cannot be evaluated');
}
