import type { LabelSelector } from '@berth/kube';
import type { AdmissionRequest } from '../../admission/admission.ts';
import { parsedSelector } from '../../parsed-selector.ts';
import { notFound } from '../../resource-errors.ts';
import type { ServerContext } from '../../server-context.ts';

/** What a webhook or a policy is limited to. */
export interface Selecting {
  readonly objectSelector?: LabelSelector;
  readonly namespaceSelector?: LabelSelector;
}

/** The request's namespace as webhooks are told it: a Namespace's own name for itself. */
export function namespaceOf({ definition, namespace, name }: AdmissionRequest): string {
  return definition.group === '' && definition.plural === 'namespaces' ? name : namespace;
}

/**
 * Whether the selectors let a request through (webhook/predicates/object and /namespace).
 * @throws ApiError NotFound – the request's namespace does not exist.
 */
export async function selectedBy(
  { objectSelector, namespaceSelector }: Selecting,
  context: ServerContext,
  request: AdmissionRequest,
): Promise<boolean> {
  return matchesObject(objectSelector, request) && (await matchesNamespace(namespaceSelector, context, request));
}

function matchesObject(from: LabelSelector | undefined, { operation, object, old }: AdmissionRequest): boolean {
  const selector = parsedSelector(from);
  if (selector.isEmpty) return true;
  const now = operation === 'delete' ? undefined : object;
  return [now, old].some((each) => each && selector.matches(each.metadata?.labels));
}

async function matchesNamespace(
  from: LabelSelector | undefined,
  context: ServerContext,
  request: AdmissionRequest,
): Promise<boolean> {
  const selector = parsedSelector(from);
  const namespace = namespaceOf(request);
  if (selector.isEmpty || namespace === '') return true;
  const { definition, operation, subresource, object } = request;
  const isNamespace = definition.group === '' && definition.plural === 'namespaces' && subresource === '';
  // The one that is stored is not the one that will be.
  if (isNamespace && (operation === 'create' || operation === 'update'))
    return selector.matches(object.metadata.labels);
  const found = await context.storageOf('', 'namespaces')?.find('', namespace);
  if (!found) throw notFound({ group: '', plural: 'namespaces' }, namespace);
  return selector.matches(found.object.metadata.labels);
}
