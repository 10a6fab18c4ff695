import { apiError } from '@berth/kube';
import type { AdmissionRequest } from '../../admission/admission.ts';
import { turns } from '../../decoding/turns.ts';
import { callHook, type HookParts, reviewedObjects, settleFailure } from './call-hook.ts';
import type { Hook } from './hook.ts';
import { type Invocation, invocationOf } from './invocation.ts';
import { conditionsMatch } from './match-conditions.ts';
import { observedCall } from './observed-call.ts';

/** In units of {@link turns}: a request, and a TLS connection where none is free. */
const callingCost = 3000;

/** All at once; of several refusals the first in the order of the webhooks is told. @throws ApiError – see callHook and settleFailure. */
export async function validate(hooks: readonly Hook[], request: AdmissionRequest, parts: HookParts): Promise<void> {
  const relevant: Invocation[] = [];
  for (const hook of hooks) {
    const invocation = await invocationOf(hook, parts.context, request);
    if (invocation && (await conditionsMatch(invocation, request, parts))) relevant.push(invocation);
  }
  if (relevant.length === 0) return;
  if (request.signal?.aborted)
    throw apiError('Timeout', 'Timeout: request did not complete within requested timeout', { details: {} });
  const outcomes = await Promise.allSettled(
    relevant.map((invocation, index) => callValidating(invocation, request, { ...parts, index })),
  );
  const refused = outcomes.find((outcome) => outcome.status === 'rejected');
  if (refused) throw refused.reason;
}

async function callValidating(
  invocation: Invocation,
  request: AdmissionRequest,
  parts: HookParts & { readonly index: number },
): Promise<void> {
  const { context, metrics } = parts;
  const pause = turns.goOn(callingCost);
  if (pause) await pause;
  try {
    await observedCall({ invocation, request, type: 'validating', context, metrics }, async () => {
      const objects = await reviewedObjects(invocation, request);
      await callHook(invocation, request, { ...parts, objects, mutating: false });
    });
  } catch (error) {
    settleFailure(error, invocation, { request, log: context.log });
    const key = `failed-open.validating.webhook.admission.k8s.io/round_0_index_${parts.index}`;
    request.audit?.annotate(key, invocation.hook.webhook.name);
  }
}
