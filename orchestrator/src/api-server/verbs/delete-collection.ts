import { isNotFound } from '@berth/kube';
import { askedOf } from '../admission/asked.ts';
import { heavyWork, isHeavy } from '../aside/heavy-work.ts';
import { readingCost } from '../decoding/costs.ts';
import { turns } from '../decoding/turns.ts';
import { deleteOptionsObject, deleteOptionsOf } from '../delete-options.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import type { StoredObject } from '../stored-object.ts';
import { deleteChecked } from './delete-object.ts';
import { listObjects } from './list-objects.ts';

/** Upstream deletes with a few workers; one object's turn does not wait for another's disk write. */
const concurrency = 16;
/** In units of {@link turns}: checks, a write and its event. */
const deletingCost = 500;

/** Deletes what the selectors match and answers with the list as it was. */
export async function deleteCollection(
  context: ServerContext,
  route: ResourceRoute,
  request: ServerRequest,
): Promise<Answer> {
  const { definition } = route;
  const options = await deleteOptionsOf(request, context.bodies);
  const list = await listObjects(context, route, request);
  if (context.aside && (await someHeavy(list.items, definition))) throw heavyWork;
  const { user, warn } = request;
  const asked = askedOf(request, () => deleteOptionsObject(options));
  const about = { definition, options, user, warn, asked, ofCollection: true };
  const waiting = list.items.values();
  const work = async () => {
    for (const each of waiting) {
      const pause = turns.goOn(deletingCost + readingCost(each));
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

async function someHeavy(items: readonly StoredObject[], definition: ResourceDefinition): Promise<boolean> {
  for (const item of items) {
    const pause = turns.goOn(readingCost(item));
    if (pause) await pause;
    if (isHeavy(item.kv, definition)) return true;
  }
  return false;
}
