import { copyJson } from '@berth/kube';
import { managerOf } from '../apply/manager-name.ts';
import { expectedKind } from '../body-decoder.ts';
import { invalid } from '../invalid.ts';
import { ensureName, ensureNamespace } from '../object-rules.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import { changeObject } from '../verbs/change-object.ts';
import { requestedChange } from '../verbs/requested-change.ts';
import { writeOptionsOf } from '../write-options.ts';

/** PUT of a namespace with its `spec.finalizers`; a terminating namespace goes with the last of them (registry/core/namespace FinalizeREST). */
export async function finalizeNamespace(
  context: ServerContext,
  route: ResourceRoute,
  request: ServerRequest,
): Promise<Answer> {
  const { definition, namespace, name } = route;
  const options = writeOptionsOf(request.query, 'UpdateOptions');
  const body = await context.bodies.object(request, expectedKind(definition), options.fieldValidation);
  ensureNamespace(body, definition.namespaced, namespace);
  ensureName(body, name);
  const { uid } = body.metadata;
  const object = await changeObject(context, {
    ...requestedChange(route, request, options),
    manager: managerOf(options.fieldManager, request.userAgent),
    ...(uid ? { uid } : {}),
    change: (current) => {
      // Here upstream tells which name is wrong, where a namespace as such is refused without.
      const wanted = { ...current, spec: body['spec'] };
      const errors = definition.rules.subresources?.['finalize']?.validateUpdate?.(wanted, current) ?? [];
      if (errors.length > 0) throw invalid(definition, name, errors);
      return finalized(body);
    },
  });
  return { type: 'object', status: 200, object, definition };
}

function finalized(body: AnyObject): AnyObject {
  const next = copyJson(body);
  if (!next['spec']?.finalizers?.length) next['spec'] = {};
  return next;
}
