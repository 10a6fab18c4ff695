import { apiError } from '@berth/kube';
import { revisionOf } from '../query-values.ts';
import { notFound } from '../resource-errors.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import type { StoredObject } from '../stored-object.ts';

export async function getObject(context: ServerContext, route: ResourceRoute, request: ServerRequest): Promise<Answer> {
  const revision = revisionOf(request.query.get('resourceVersion')) ?? 0;
  if (revision > context.store.revision)
    throw apiError('Timeout', `Timeout: Too large resource version: ${revision}, current: ${context.store.revision}`);
  return { type: 'object', status: 200, object: await requireObject(context, route), definition: route.definition };
}

/** @throws ApiError NotFound */
export async function requireObject(
  context: ServerContext,
  { definition, namespace, name }: Pick<ResourceRoute, 'definition' | 'namespace' | 'name'>,
): Promise<StoredObject> {
  const found = await context.storage(definition).find(namespace, name);
  if (!found) throw notFound(definition, name);
  return found;
}
