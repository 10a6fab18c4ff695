import { ApiError, apiError } from '@berth/kube';
import type { AdmissionRequest } from '../../admission/admission.ts';
import type { ResourceDefinition } from '../../resource-definition.ts';
import { notFound } from '../../resource-errors.ts';
import type { ServerContext } from '../../server-context.ts';
import type { Hook } from './hook.ts';
import { type RuleSubject, ruleMatches } from './rule-match.ts';

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

/** The request's namespace as webhooks are told it: a Namespace's own name for itself. */
export function namespaceOf({ definition, namespace, name }: AdmissionRequest): string {
  return definition.group === '' && definition.plural === 'namespaces' ? name : namespace;
}

/** The definition a webhook's rules want of a request, if it is about it at all; no object is looked at. */
export function ruledDefinition(
  { webhook }: Hook,
  registry: Pick<ServerContext['registry'], 'definitions' | 'storedForm'>,
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
  const stored = registry.storedForm(definition);
  const others = registry.definitions.filter(
    (each) => each !== definition && each.stored && registry.storedForm(each) === stored,
  );
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
  const definition = ruledDefinition(hook, context.registry, request);
  if (!definition || !matchesObject(hook, request)) return undefined;
  return (await matchesNamespace(hook, context, request)) ? { hook, definition } : undefined;
}

function matchesObject({ objectSelector }: Hook, { operation, object, old }: AdmissionRequest): boolean {
  if (objectSelector.isEmpty) return true;
  const now = operation === 'delete' ? undefined : object;
  return [now, old].some((each) => each && objectSelector.matches(each.metadata?.labels));
}

async function matchesNamespace(
  { namespaceSelector }: Hook,
  context: ServerContext,
  request: AdmissionRequest,
): Promise<boolean> {
  const { definition, operation, subresource, object } = request;
  const namespace = namespaceOf(request);
  if (namespaceSelector.isEmpty || namespace === '') return true;
  const isNamespace = definition.group === '' && definition.plural === 'namespaces' && subresource === '';
  // The one that is stored is not the one that will be.
  if (isNamespace && (operation === 'create' || operation === 'update'))
    return namespaceSelector.matches(object.metadata.labels);
  const found = await context.storageOf('', 'namespaces')?.find('', namespace);
  if (!found) throw notFound({ group: '', plural: 'namespaces' }, namespace);
  return namespaceSelector.matches(found.object.metadata.labels);
}

/** An error of ours in the middle of admission. */
export function internalError(why: string, cause?: unknown): ApiError {
  const error = apiError('InternalError', `Internal error occurred: ${why}`, {
    details: { causes: [{ message: why }] },
  });
  return cause === undefined ? error : new ApiError(error.status, { cause });
}
