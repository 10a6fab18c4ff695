import { heavyWork, isHeavy } from '../aside/heavy-work.ts';
import { revisionOf } from '../query-values.ts';
import { notFound } from '../resource-errors.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import type { StoredObject } from '../stored-object.ts';
import { isMade } from './list-objects.ts';

export async function getObject(context: ServerContext, route: ResourceRoute, request: ServerRequest): Promise<Answer> {
  const notOlderThan = revisionOf(request.query.get('resourceVersion'));
  const object = await requireObject(context, route, notOlderThan);
  if (context.aside && isHeavy(object.kv, route.definition) && isMade(route.definition, request)) throw heavyWork;
  return { type: 'object', status: 200, object, definition: route.definition };
}

/** @throws ApiError NotFound; Timeout – `notOlderThan` is a revision of the future. */
export async function requireObject(
  context: ServerContext,
  { definition, namespace, name }: Pick<ResourceRoute, 'definition' | 'namespace' | 'name'>,
  notOlderThan?: number,
): Promise<StoredObject> {
  const found = await context.storage(definition).find(namespace, name, notOlderThan);
  if (!found) throw notFound(definition, name);
  return found;
}
