import type { ExpressionInput } from '../../../cel/admission/match-conditions.ts';
import type { Authorizer } from '../../authorizer.ts';
import type { AnyObject, ResourceDefinition } from '../../resource-definition.ts';
import { notFound } from '../../resource-errors.ts';
import type { ServerContext } from '../../server-context.ts';
import { inVersion } from '../../webhook/admission/equivalent-objects.ts';
import { requestFields } from '../../webhook/admission/review.ts';
import type { AdmissionRequest } from '../admission.ts';
import { withoutMadeUpName } from '../made-up-name.ts';

/** What expressions see of a request, its object in the version of `definition`. @throws ApiError NotFound – its namespace. */
export async function policyInput(
  definition: ResourceDefinition,
  request: AdmissionRequest,
  { context, authorizer }: { readonly context: ServerContext; readonly authorizer: Authorizer },
): Promise<ExpressionInput> {
  const { operation, object, old, user } = request;
  const seen = (one: AnyObject | undefined) => (one ? inVersion(one, request.definition, definition) : null);
  const current = operation === 'delete' ? null : await seen(object);
  return {
    request: requestFields(definition, request),
    object: current && withoutMadeUpName(current, request),
    oldObject: await seen(operation === 'delete' ? (old ?? object) : old),
    user,
    authorizer,
    namespaceObject: await namespaceObject(context, request),
  };
}

async function namespaceObject(
  context: ServerContext,
  { definition, namespace }: AdmissionRequest,
): Promise<object | null> {
  if (namespace === '' || (definition.group === '' && definition.plural === 'namespaces')) return null;
  const found = await context.storageOf('', 'namespaces')?.find('', namespace);
  if (!found) throw notFound({ group: '', plural: 'namespaces' }, namespace);
  const { metadata, spec, status } = found.object;
  // Who manages it and whose it is, is not shown.
  const { managedFields: _managed, ownerReferences: _owners, ...shown } = metadata;
  return { kind: 'Namespace', apiVersion: 'v1', metadata: shown, spec, status };
}
