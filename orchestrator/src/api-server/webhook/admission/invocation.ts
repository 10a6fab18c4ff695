import { ApiError, apiError } from '@berth/kube';
import type { AdmissionRequest } from '../../admission/admission.ts';
import { turns } from '../../decoding/turns.ts';
import type { ResourceDefinition } from '../../resource-definition.ts';
import type { ServerContext } from '../../server-context.ts';
import type { Hook } from './hook.ts';
import { type RuleSubject, ruleMatches } from './rule-match.ts';
import { namespaceOf, selectedBy } from './selected-by.ts';

/** In units of {@link turns}: rules and selectors. */
const lookingCost = 3;

/** A webhook that is to be called about a request, and the version of the object it wants. */
export interface Invocation {
  readonly hook: Hook;
  readonly definition: ResourceDefinition;
}

const exempt = new Set([
  'ValidatingWebhookConfiguration',
  'MutatingWebhookConfiguration',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
  'MutatingAdmissionPolicy',
  'MutatingAdmissionPolicyBinding',
]);

/** What admits others is never asked about itself: nobody could mend it. */
export function isExempt({ definition }: Pick<AdmissionRequest, 'definition'>): boolean {
  return definition.group === 'admissionregistration.k8s.io' && exempt.has(definition.kind);
}

/** The definition a webhook's rules want of a request, if it is about it at all; no object is looked at. */
export function ruledDefinition(
  { webhook }: Hook,
  registry: Pick<ServerContext['registry'], 'otherForms'>,
  request: Pick<AdmissionRequest, 'definition' | 'operation' | 'subresource' | 'namespace' | 'name'>,
): ResourceDefinition | undefined {
  const { definition, subresource } = request;
  const subjectOf = ({ group, version, plural }: ResourceDefinition): RuleSubject => ({
    operation: request.operation.toUpperCase(),
    group,
    version,
    plural,
    subresource,
    namespace: namespaceOf(request as AdmissionRequest),
  });
  const { rules = [] } = webhook;
  const own = subjectOf(definition);
  if (rules.some((rule) => ruleMatches(rule, own))) return definition;
  if (webhook.matchPolicy === 'Exact') return undefined;
  const others = registry.otherForms(definition);
  for (const rule of rules) {
    const found = others.find((each) => ruleMatches(rule, subjectOf(each)));
    if (found) return found;
  }
  return undefined;
}

/** Whether `hook` is to be called. @throws ApiError NotFound – the request's namespace does not exist. */
export async function invocationOf(
  hook: Hook,
  context: ServerContext,
  request: AdmissionRequest,
): Promise<Invocation | undefined> {
  const pause = turns.goOn(lookingCost);
  if (pause) await pause;
  const definition = ruledDefinition(hook, context.registry, request);
  if (!definition) return undefined;
  return (await selectedBy(hook.webhook, context, request)) ? { hook, definition } : undefined;
}

/** An error of ours in the middle of admission. */
export function internalError(why: string, cause?: unknown): ApiError {
  const error = apiError('InternalError', `Internal error occurred: ${why}`, {
    details: { causes: [{ message: why }] },
  });
  return cause === undefined ? error : new ApiError(error.status, { cause });
}

/** A mutation made of an object what its kind's type does not take; the decoder's words alone, as nobody sent it. */
export function notOfKind(error: Error, { kind }: { readonly kind: string }): ApiError {
  return internalError(error.message.split(` cannot be handled as a ${kind}: `).at(-1) as string, error);
}
