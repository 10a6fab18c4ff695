import { expectedKind } from '../body-decoder.ts';
import { invalid } from '../invalid.ts';
import { ensureName } from '../object-rules.ts';
import { untilUncontended } from '../object-storage.ts';
import { modified, notFound } from '../resource-errors.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import { writeOptionsOf } from '../write-options.ts';

/** PUT of a namespace's `spec.finalizers`; a terminating namespace goes with the last of them (registry/core/namespace FinalizeREST). */
export async function finalizeNamespace(
  context: ServerContext,
  route: ResourceRoute,
  request: ServerRequest,
): Promise<Answer> {
  const { definition, name } = route;
  const { dryRun, fieldValidation } = writeOptionsOf(request.query, 'UpdateOptions');
  const body = await context.bodies.object(request, expectedKind(definition), fieldValidation);
  ensureName(body, name);
  const storage = context.storage(definition);
  const object = await untilUncontended(storage, name, async () => {
    const current = await storage.find('', name);
    if (!current) throw notFound(definition, name);
    const { resourceVersion } = body.metadata;
    if (resourceVersion && resourceVersion !== current.resourceVersion) throw modified(definition, name);
    const next = structuredClone(current.object);
    next.spec = { ...next.spec, finalizers: body.spec?.finalizers };
    if (!next.spec.finalizers?.length) delete next.spec.finalizers;
    const errors = definition.rules.subresources?.['finalize']?.validateUpdate?.(next, current.object) ?? [];
    if (errors.length > 0) throw invalid(definition, name, errors);
    if (dryRun) return storage.pretend(next, current);
    const gone = next.metadata.deletionTimestamp && !next.spec.finalizers && !next.metadata.finalizers?.length;
    if (!gone) return storage.replace(current, next);
    const removed = await storage.remove(current);
    return removed && storage.pretend(next, removed);
  });
  return { type: 'object', status: 200, object, definition };
}
