import type { AdmissionRequest } from '../../admission/admission.ts';
import type { HookCall, HookCallObserver } from '../../metrics/admission-metrics.ts';
import { isLate } from '../../request-end.ts';
import type { ServerContext } from '../../server-context.ts';
import { CallError } from '../call-error.ts';
import { WebhookDenial } from './denial.ts';
import type { Invocation } from './invocation.ts';

interface Observed {
  readonly invocation: Invocation;
  readonly request: AdmissionRequest;
  readonly type: HookCall['type'];
  readonly context: ServerContext;
  readonly metrics: HookCallObserver | undefined;
}

type Outcome = Pick<HookCall, 'code' | 'rejection' | 'failedOpen'>;

/** Calls a webhook and counts how that went. @throws what `call` throws. */
export async function observedCall<T>(
  { invocation, request, type, context, metrics }: Observed,
  call: () => Promise<T>,
): Promise<T> {
  const { clock } = context;
  const begun = clock.monotonicMs();
  let outcome: Outcome = { code: 200, failedOpen: false };
  try {
    return await call();
  } catch (error) {
    const ignored = invocation.hook.webhook.failurePolicy === 'Ignore';
    const gone = request.signal?.aborted === true && !isLate(request.signal);
    outcome = failed(error, ignored, gone);
    throw error;
  } finally {
    const { name } = invocation.hook.webhook;
    const ms = clock.monotonicMs() - begun;
    if (type === 'admit') request.latencies?.add('mutating-webhook', ms);
    else request.latencies?.addBeside('validating-webhook', ms);
    metrics?.called({ name, type, operation: request.operation.toUpperCase(), seconds: ms / 1000, ...outcome });
  }
}

/** What upstream counts of an error (webhook/validating/dispatcher.go). */
function failed(error: unknown, ignored: boolean, gone: boolean): Outcome {
  if (error instanceof CallError) {
    // A call without any answer is a server that is not there.
    const code = error.status ?? 503;
    if (ignored) return { code, failedOpen: !gone };
    return { code, rejection: gone ? 'client_gone' : 'calling_webhook_error', failedOpen: false };
  }
  if (error instanceof WebhookDenial) return { code: error.status.code ?? 0, rejection: 'no_error', failedOpen: false };
  return { code: 0, rejection: 'apiserver_internal_error', failedOpen: false };
}
