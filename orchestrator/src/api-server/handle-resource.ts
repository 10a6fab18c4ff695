import { notAllowed, type ResourceRoute } from './route.ts';
import type { ServerContext } from './server-context.ts';
import type { Answer, ServerRequest } from './server-request.ts';
import { createObject } from './verbs/create-object.ts';
import { deleteCollection } from './verbs/delete-collection.ts';
import { deleteObject } from './verbs/delete-object.ts';
import { getObject } from './verbs/get-object.ts';
import { listObjects } from './verbs/list-objects.ts';
import { patchObject } from './verbs/patch-object.ts';
import { updateObject } from './verbs/update-object.ts';
import { watchObjects } from './verbs/watch-objects.ts';

type Handler = (context: ServerContext, route: ResourceRoute, request: ServerRequest) => Promise<Answer>;

const verbs: Readonly<Record<string, Handler>> = {
  get: getObject,
  list: listObjects,
  watch: watchObjects,
  create: createObject,
  update: updateObject,
  patch: patchObject,
  delete: deleteObject,
  deletecollection: deleteCollection,
};

/** Endpoints of stored objects themselves. @throws ApiError */
export function handleResource(context: ServerContext, route: ResourceRoute, request: ServerRequest): Promise<Answer> {
  const handler = verbs[route.verb];
  if (!handler) throw notAllowed();
  return handler(context, route, request);
}
