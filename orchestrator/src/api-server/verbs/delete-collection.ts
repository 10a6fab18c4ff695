import { isNotFound } from '@berth/kube';
import { askedOf } from '../admission/asked.ts';
import { heavyWork, someHeavy } from '../aside/heavy-work.ts';
import { deletingCost } from '../decoding/costs.ts';
import { turns } from '../decoding/turns.ts';
import { deleteOptionsObject, deleteOptionsOf } from '../delete-options.ts';
import { listOptionsOf } from '../list-options.ts';
import { namespaceRequired, type ResourceRoute } from '../route.ts';
import { selectionOf } from '../selection.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import { deleteChecked } from './delete-object.ts';
import { listObjects } from './list-objects.ts';

/** Upstream deletes with a few workers; one object's turn does not wait for another's disk write. */
const concurrency = 16;

/** Deletes what the selectors match and answers with the list as it was. */
export async function deleteCollection(
  context: ServerContext,
  route: ResourceRoute,
  request: ServerRequest,
): Promise<Answer> {
  const { definition } = route;
  // What is wrong with the query is told before what is wrong with the body (DeleteCollection).
  selectionOf(definition, listOptionsOf(request.query, 'list'));
  const options = await deleteOptionsOf(request, context.bodies);
  const list = await listObjects(context, route, request);
  // Where a path names none between its slashes all are listed, and none is found.
  if (definition.namespaced && route.namespace === '' && list.items.length > 0) throw namespaceRequired();
  if (context.aside && (await someHeavy(list.items, definition, request.signal))) throw heavyWork;
  const { user, warn } = request;
  const asked = askedOf(request, () => deleteOptionsObject(options));
  const about = { definition, options, user, warn, asked, ofCollection: true };
  const waiting = list.items.values();
  const work = async () => {
    for (const each of waiting) {
      const pause = turns.goOn(deletingCost(each));
      if (pause) await pause;
      const { object } = each;
      const { namespace = '', name = '' } = object.metadata;
      try {
        await deleteChecked(context, { ...about, namespace, name });
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return list;
}
