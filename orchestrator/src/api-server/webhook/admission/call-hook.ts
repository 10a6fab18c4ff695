import type { Logger } from '@berth/kit';
import { apiError } from '@berth/kube';
import type { AdmissionRequest } from '../../admission/admission.ts';
import { withoutMadeUpName } from '../../admission/made-up-name.ts';
import type { Authorizer } from '../../authorizer.ts';
import { breathe } from '../../decoding/large-bodies.ts';
import type { HookCallObserver } from '../../metrics/admission-metrics.ts';
import type { AnyObject } from '../../resource-definition.ts';
import type { ServerContext } from '../../server-context.ts';
import { CallError } from '../call-error.ts';
import type { WebhookClient } from '../webhook-client.ts';
import { denial, dryRunUnsupported } from './denial.ts';
import { inVersion } from './equivalent-objects.ts';
import type { HookIdentities } from './hook-identities.ts';
import { type Invocation, internalError } from './invocation.ts';
import { answerOf, type ReviewedObjects, reviewOf, type Verdict, verdictOf } from './review.ts';

export interface HookParts {
  readonly context: ServerContext;
  readonly client: WebhookClient;
  /** For match conditions that ask what the caller may do. */
  readonly authorizer: Authorizer;
  readonly identities: HookIdentities | undefined;
  /** Absent: nothing is counted. */
  readonly metrics: HookCallObserver | undefined;
}

const never = new AbortController().signal;
/** Warnings or annotations, which take some milliseconds. */
const many = 1000;

/** The objects of a request as `invocation` wants to see them. */
export async function reviewedObjects({ definition }: Invocation, request: AdmissionRequest): Promise<ReviewedObjects> {
  const { operation, object, old } = request;
  const seen = (one: AnyObject | undefined) => (one ? inVersion(one, request.definition, definition) : null);
  const current = operation === 'delete' ? null : await seen(object);
  return { object: current && withoutMadeUpName(current, request), oldObject: await seen(old) };
}

/**
 * What a webhook says of a request.
 * @throws ApiError – it refuses; it has side effects and this is a dry run. CallError – it said nothing of use.
 */
export async function callHook(
  invocation: Invocation,
  request: AdmissionRequest,
  parts: HookParts & { readonly objects: ReviewedObjects; readonly mutating: boolean },
): Promise<Verdict> {
  const { name, sideEffects, clientConfig, timeoutSeconds = 10 } = invocation.hook.webhook;
  if (request.dryRun && sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun') throw dryRunUnsupported(name);
  const { context, client, identities, objects, mutating } = parts;
  const identity = (await identities?.(clientConfig)) ?? {};
  const review = reviewOf(invocation, request, { objects, uid: context.rng.uuid() });
  const toldSeconds = Math.min(timeoutSeconds, secondsLeft(request, context));
  const post = { config: clientConfig, identity, review: review.body, timeoutSeconds, toldSeconds };
  const posted = client.post(post, request.signal ?? never).then((answered) => answerOf(review, answered));
  const answer = await posted.catch((error: unknown) => {
    if (!(error instanceof CallError)) throw error;
    const { status } = error;
    throw new CallError(`failed to call webhook: ${error.message}`, status === undefined ? {} : { status });
  });
  const verdict = valid(() => verdictOf(review, mutating, answer));
  for (const [key, value] of Object.entries(verdict.auditAnnotations)) request.audit?.annotate(`${name}/${key}`, value);
  for (const text of verdict.warnings) request.warn(text);
  if (verdict.warnings.length > many || Object.keys(verdict.auditAnnotations).length > many) await breathe();
  if (!verdict.allowed) throw denial(name, verdict.result);
  return verdict;
}

/** A webhook is told no more time than the request has, in whole seconds; when that is over its signal ends the call. */
function secondsLeft({ deadlineMs }: AdmissionRequest, { clock }: ServerContext): number {
  return deadlineMs === undefined ? Number.POSITIVE_INFINITY : Math.ceil((deadlineMs - clock.monotonicMs()) / 1000);
}

function valid(read: () => Verdict): Verdict {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    throw new CallError(`received invalid webhook response: ${error.message}`);
  }
}

/**
 * What becomes of a failed call: with the policy Ignore it is as if the webhook were not there.
 * @returns true – it failed and is ignored.
 * @throws ApiError – InternalError where the policy is Fail; Timeout where the client is gone; what a webhook refused.
 */
export function settleFailure(
  error: unknown,
  { hook }: Invocation,
  { request, log }: { readonly request: AdmissionRequest; readonly log: Logger },
): true {
  if (!(error instanceof CallError)) throw error;
  const { name, failurePolicy } = hook.webhook;
  const words = `failed calling webhook ${JSON.stringify(name)}: ${error.message}`;
  if (failurePolicy !== 'Ignore') throw internalError(words, error);
  if (request.signal?.aborted)
    throw apiError('Timeout', 'Timeout: request did not complete within requested timeout', { details: {} });
  log.warn('a webhook failed and is ignored', { webhook: name, reason: error.message });
  return true;
}
